/* address.c - which addresses are whose; see client.h. Every address is looked at as IPv6, IPv4 as ::ffff:a.b.c.d, and what
 * only wraps an IPv4 address (NAT64, 6to4) is judged by the address inside. */
#include "client/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};

/* false: neither IPv4 nor IPv6. */
static bool plain(const struct sockaddr *a, uint8_t out[16])
{
    if (a->sa_family == AF_INET) {
        memcpy(out, mapped, 12);
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
        return true;
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
    return true;
}

static bool inside(const uint8_t a[16], const uint8_t base[16], int bits)
{
    const int whole = bits / 8, rest = bits % 8;
    return !memcmp(a, base, (size_t)whole) && (!rest || !((a[whole] ^ base[whole]) >> (8 - rest)));
}

static bool read_range(const char *text, uint8_t base[16], int *bits)
{
    char name[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    const size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n >= sizeof name)
        return false;
    memcpy(name, text, n);
    name[n] = '\0';
    const bool four = inet_pton(AF_INET, name, base + 12) == 1;
    if (four)
        memcpy(base, mapped, 12);
    else if (inet_pton(AF_INET6, name, base) != 1)
        return false;
    *bits = 128;
    if (!slash)
        return true;
    char *end;
    const long most = four ? 32 : 128, got = strtol(slash + 1, &end, 10);
    if (slash[1] < '0' || slash[1] > '9' || *end || got > most)
        return false;
    *bits = (int)(got + (four ? 96 : 0));
    return true;
}

/* Bits below the mask mean that somebody meant another range. */
static bool clean(const uint8_t base[16], int bits)
{
    for (int i = bits; i < 128; i++)
        if (base[i / 8] >> (7 - i % 8) & 1)
            return false;
    return true;
}

sg_status sg_networks_parse(const char *text, sg_networks *out, sg_err *err)
{
    out->n = 0;
    for (const char *p = text + strspn(text, " ,"); *p; p += strspn(p, " ,")) {
        char word[64] = "";
        const size_t n = strcspn(p, " ,");
        if (out->n == SG_NETWORKS)
            return sg_fail(err, SG_LIMIT, "more than %d networks", SG_NETWORKS);
        if (n < sizeof word)
            memcpy(word, p, n);
        if (!read_range(word, out->row[out->n].base, &out->row[out->n].bits))
            return sg_fail(err, SG_FORMAT, "\"%.*s\" is no network; want one like 10.1.0.0/16 or fd00::/8",
                           (int)(n < 50 ? n : 50), p);
        if (!clean(out->row[out->n].base, out->row[out->n].bits))
            return sg_fail(err, SG_FORMAT, "\"%s\": the address goes on behind its mask", word);
        out->n++;
        p += n;
    }
    return SG_OK;
}

static bool have(const sg_networks *n, const uint8_t a[16])
{
    for (int i = 0; i < n->n; i++)
        if (inside(a, n->row[i].base, n->row[i].bits))
            return true;
    return false;
}

bool sg_networks_have(const sg_networks *n, const struct sockaddr *a)
{
    uint8_t b[16];
    return plain(a, b) && have(n, b);
}

bool sg_address_loopback(const struct sockaddr *a)
{
    static const uint8_t one[16] = {[15] = 1}, four[16] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    uint8_t b[16];
    return plain(a, b) && (inside(b, one, 128) || inside(b, four, 104));
}

/* IANA's special-purpose registries, what is not globally reachable; and multicast. */
static bool special(const uint8_t a[16])
{
    static const struct {
        const char *base;
        int bits;
    } range[] = {{"0.0.0.0", 8},      {"10.0.0.0", 8},     {"100.64.0.0", 10}, {"127.0.0.0", 8},
                 {"169.254.0.0", 16}, {"172.16.0.0", 12},  {"192.0.0.0", 24},  {"192.0.2.0", 24},
                 {"192.88.99.0", 24}, {"192.168.0.0", 16}, {"198.18.0.0", 15}, {"198.51.100.0", 24},
                 {"203.0.113.0", 24}, {"224.0.0.0", 3}};
    for (size_t i = 0; i < sizeof range / sizeof *range; i++) {
        uint8_t base[16];
        memcpy(base, mapped, 12);
        if (inet_pton(AF_INET, range[i].base, base + 12) == 1 && inside(a, base, range[i].bits + 96))
            return true;
    }
    return false;
}

static bool public6(const uint8_t a[16])
{
    static const uint8_t global[16] = {0x20}, protocol[16] = {0x20, 0x01}, examples[16] = {0x20, 0x01, 0x0d, 0xb8},
                         more_examples[16] = {0x3f, 0xff};
    return inside(a, global, 3) && !inside(a, protocol, 23) && !inside(a, examples, 32) &&
           !inside(a, more_examples, 20);
}

bool sg_address_public(const struct sockaddr *addr)
{
    static const uint8_t nat64[16] = {0x00, 0x64, 0xff, 0x9b}, sixtofour[16] = {0x20, 0x02};
    uint8_t a[16], four[16];
    if (!plain(addr, a))
        return false;
    if (inside(a, mapped, 96))
        return !special(a);
    memcpy(four, mapped, 12);
    if (inside(a, nat64, 96))
        memcpy(four + 12, a + 12, 4);
    else if (inside(a, sixtofour, 16))
        memcpy(four + 12, a + 2, 4);
    else
        return public6(a);
    return !special(four);
}

/* Who may be called: ranges of addresses, what is public, and that the decision falls on the resolved address. */
#include "client/client.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&s;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s;
    s.ss_family = AF_INET;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
        return s;
    s.ss_family = AF_INET6;
    ck_assert_int_eq(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
    return s;
}

static bool is_public(const char *text)
{
    const struct sockaddr_storage s = address(text);
    return sg_address_public((const struct sockaddr *)&s);
}

static bool have(const sg_networks *n, const char *text)
{
    const struct sockaddr_storage s = address(text);
    return sg_networks_have(n, (const struct sockaddr *)&s);
}

START_TEST(only_addresses_of_the_internet_are_public)
{
    static const char *const yes[] = {"1.1.1.1",         "8.8.8.8",          "172.32.0.1",      "100.128.0.1",
                                      "223.255.0.1",     "192.169.0.1",      "2606:4700::1111", "2a00:1450:4001::200e",
                                      "2002:808:808::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"};
    static const char *const no[] = {
        "127.0.0.1",       "127.9.9.9",        "10.0.0.1",         "172.16.0.1",  "172.31.255.255",
        "192.168.1.1",     "169.254.169.254",  "100.64.0.1",       "0.0.0.0",     "224.0.0.1",
        "255.255.255.255", "198.18.0.1",       "192.0.2.1",        "::1",         "::",
        "fe80::1",         "fc00::1",          "fd12::1",          "ff02::1",     "2001:db8::1",
        "2001::1",         "::ffff:127.0.0.1", "::ffff:10.0.0.1",  "::127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",    "2002:7f00:1::1",   "2002:a9fe:a9fe::", "3fff::1",     "fec0::1"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ck_assert_msg(is_public(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ck_assert_msg(!is_public(no[i]), "%s", no[i]);
}
END_TEST

START_TEST(networks_are_ranges_of_both_families)
{
    sg_networks n;
    sg_err err = {0};
    ck_ok(sg_networks_parse(" 10.1.0.0/16,fd00::/8  192.0.2.7 10.128.0.0/9", &n, &err), err);
    ck_assert_int_eq(n.n, 4);
    ck_assert(have(&n, "10.1.255.1") && have(&n, "::ffff:10.1.0.1") && have(&n, "fdff::1") && have(&n, "192.0.2.7"));
    ck_assert(have(&n, "10.200.0.1") && !have(&n, "10.127.0.1"));
    ck_assert(!have(&n, "10.2.0.0") && !have(&n, "fe00::1") && !have(&n, "192.0.2.8"));
    ck_ok(sg_networks_parse("", &n, &err), err);
    ck_assert(!have(&n, "10.1.0.0"));
    ck_ok(sg_networks_parse("0.0.0.0/0", &n, &err), err);
    ck_assert(have(&n, "10.1.0.0") && !have(&n, "fd00::1"));
}
END_TEST

START_TEST(what_is_no_network_is_named)
{
    static const char *const bad[] = {"10.1.0.0/33", "10.1.0/16",  "10.0.0.0/",  "10.0.0.0/+8",
                                      "x",           "fd00::/129", "1.2.3.4/8x", "/8"};
    sg_networks n;
    sg_err err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(sg_networks_parse(bad[i], &n, &err) == SG_FORMAT, "%s", bad[i]);
    ck_assert_int_eq(sg_networks_parse("10.1.0.0/8", &n, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "\"10.1.0.0/8\": the address goes on behind its mask");
    char many[33 * 9 + 1] = "";
    for (int i = 0; i < 33; i++)
        strcat(many, "10.0.0.1 ");
    ck_assert_int_eq(sg_networks_parse(many, &n, &err), SG_LIMIT);
}
END_TEST

/* One connection is answered with these bytes; its request is kept. */
typedef struct server {
    int fd, port, hits;
    const char *answer;
    size_t n_answer;
    char request[4096];
} server;

static void *serve(void *ctx)
{
    server *s = ctx;
    for (;;) {
        const int c = accept(s->fd, NULL, NULL);
        if (c < 0)
            return NULL;
        size_t n = 0;
        ssize_t got;
        s->hits++;
        while (n < sizeof s->request - 1 && !strstr(s->request, "\r\n\r\n") &&
               (got = recv(c, s->request + n, sizeof s->request - 1 - n, 0)) > 0)
            n += (size_t)got;
        (void)send(c, s->answer, s->n_answer, MSG_NOSIGNAL);
        (void)close(c);
    }
}

static void listen_on_loopback(server *s, pthread_t *t, const char *answer)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    memset(s, 0, sizeof *s);
    s->answer = answer;
    s->n_answer = strlen(answer);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(s->fd, 4), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    ck_assert_int_eq(pthread_create(t, NULL, serve, s), 0);
}

static void close_server(server *s, pthread_t t)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(t, NULL);
    (void)close(s->fd);
}

static sg_status ask(const server *s, const char *host, const sg_client_call *with, int *status, sg_buf *b, sg_err *err)
{
    char url[128];
    int64_t wait;
    sg_client_call c = *with;
    (void)snprintf(url, sizeof url, "http://%s:%d/x", host, s->port);
    c.url = url;
    c.timeout_ms = 3000;
    return sg_client_do(&c, status, &wait, b, err);
}

START_TEST(private_addresses_are_refused_after_the_name_is_resolved)
{
    server s;
    pthread_t t;
    sg_err err = {0};
    sg_buf b;
    int status;
    sg_networks also;
    ck_ok(sg_client_begin(&err), err);
    ck_ok(sg_networks_parse("127.0.0.0/8", &also, &err), err);
    sg_buf_init(&b, 100);
    listen_on_loopback(&s, &t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    static const char *const host[] = {"127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"};
    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        ck_assert_msg(ask(&s, host[i], &(sg_client_call){.reach = SG_REACH_PUBLIC}, &status, &b, &err) == SG_PRIVACY,
                      "%s: %s", host[i], err.msg);
    ck_assert_str_eq(err.msg, "the name leads to an address that may not be called");
    ck_assert_int_eq(s.hits, 0);
    ck_ok(ask(&s, "127.0.0.1", &(sg_client_call){.reach = SG_REACH_PUBLIC, .also = &also}, &status, &b, &err), err);
    ck_ok(ask(&s, "127.0.0.1", &(sg_client_call){.reach = SG_REACH_LOOPBACK}, &status, &b, &err), err);
    ck_ok(ask(&s, "127.0.0.1", &(sg_client_call){.reach = SG_REACH_ANY}, &status, &b, &err), err);
    ck_assert_int_eq(s.hits, 3);
    ck_assert_str_eq((char *)b.data, "hihihi");
    sg_buf_clear(&b);
    close_server(&s, t);
}
END_TEST

START_TEST(redirects_are_answers_and_long_answers_are_cut_off)
{
    server s;
    pthread_t t;
    sg_err err = {0};
    sg_buf b;
    int status;
    const sg_client_call here = {.reach = SG_REACH_LOOPBACK};
    ck_ok(sg_client_begin(&err), err);
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    sg_buf_init(&b, 8);
    listen_on_loopback(&s, &t, "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n");
    ck_ok(ask(&s, "127.0.0.1", &here, &status, &b, &err), err);
    ck_assert_int_eq(status, 302);
    ck_assert_int_eq(s.hits, 1);
    ck_assert_ptr_nonnull(strstr(s.request, "GET /x HTTP/1.1\r\n"));
    close_server(&s, t);
    static const char *const longer[] = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
                                         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n123456789"};
    for (int i = 0; i < 2; i++) {
        listen_on_loopback(&s, &t, longer[i]);
        ck_assert_int_eq(ask(&s, "127.0.0.1", &here, &status, &b, &err), SG_LIMIT);
        ck_assert_str_eq(err.msg, "the answer has more than 8 bytes");
        close_server(&s, t);
        sg_buf_clear(&b);
    }
    int64_t wait;
    const sg_client_call file = {.url = "file:///etc/hosts", .reach = SG_REACH_ANY, .timeout_ms = 1000};
    ck_assert_int_eq(sg_client_do(&file, &status, &wait, &b, &err), SG_FORMAT);
    ck_assert_uint_eq(b.n, 0);
}
END_TEST

START_TEST(a_post_carries_its_headers_and_body)
{
    server s;
    pthread_t t;
    sg_err err = {0};
    sg_buf b;
    int status;
    static const char *const header[] = {"Content-Type: application/json", "webhook-id: 7", "Expect:", NULL};
    ck_ok(sg_client_begin(&err), err);
    sg_buf_init(&b, 100);
    listen_on_loopback(&s, &t, "HTTP/1.1 204 No Content\r\n\r\n");
    const sg_client_call c = {.reach = SG_REACH_LOOPBACK, .header = header, .body = "{}", .n_body = 2};
    ck_ok(ask(&s, "127.0.0.1", &c, &status, &b, &err), err);
    ck_assert_int_eq(status, 204);
    ck_assert_ptr_nonnull(strstr(s.request, "POST /x HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(s.request, "\r\nwebhook-id: 7\r\n"));
    ck_assert_ptr_nonnull(strstr(s.request, "\r\nContent-Length: 2\r\n"));
    close_server(&s, t);
    ck_assert_int_eq(ask(&s, "127.0.0.1", &c, &status, &b, &err), SG_IO); /* nobody listens any more */
    sg_buf_clear(&b);
}
END_TEST

UNIT_MAIN("server_client", only_addresses_of_the_internet_are_public, networks_are_ranges_of_both_families,
          what_is_no_network_is_named, private_addresses_are_refused_after_the_name_is_resolved,
          redirects_are_answers_and_long_answers_are_cut_off, a_post_carries_its_headers_and_body)

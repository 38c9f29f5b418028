/* backoff.c - see backoff.h. A table of fixed size: an address that finds its four places taken gets that of the lowest level,
 * so that a flood of addresses cannot wash away those who have failed most. */
#include "auth/backoff.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 1024, WAYS = 4, STEPS = 16, FIRST_MS = 100, MOST_MS = 8000 };

struct sg_backoff {
    int64_t free_per_minute;
    pthread_mutex_t lock; /* guards place */
    struct {
        uint8_t net[8];
        double level;
        int64_t at_ns; /* 0: empty */
    } place[PLACES];
};

sg_status sg_backoff_new(int64_t free_per_minute, sg_backoff **out, sg_err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return sg_fail(err, SG_NOMEM, "no memory for counting failures");
    (*out)->free_per_minute = free_per_minute;
    (void)pthread_mutex_init(&(*out)->lock, NULL);
    return SG_OK;
}

void sg_backoff_free(sg_backoff *b)
{
    if (b)
        (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

/* IPv4 whole, of IPv6 the network: one customer has all of a /64. */
static void net_of(const char *peer, uint8_t net[8])
{
    uint8_t six[16];
    memset(net, 0, 8);
    if (inet_pton(AF_INET6, peer, six) == 1)
        memcpy(net, six, 8);
    else if (inet_pton(AF_INET, peer, net + 4) == 1)
        net[3] = 0xff;
}

static double level_at(const sg_backoff *b, int i, int64_t now_ns)
{
    if (!b->place[i].at_ns)
        return 0;
    const double minutes = (double)(now_ns - b->place[i].at_ns) / 60e9;
    const double level = b->place[i].level - minutes * (double)b->free_per_minute;
    return level > 0 ? level : 0;
}

static int place_of(const sg_backoff *b, const uint8_t net[8], int64_t now_ns)
{
    uint64_t h = 1469598103934665603u;
    for (int i = 0; i < 8; i++)
        h = (h ^ net[i]) * 1099511628211u;
    const int first = (int)((h ^ h >> 32) % (PLACES / WAYS)) * WAYS;
    int best = first;
    for (int i = first; i < first + WAYS; i++) {
        if (b->place[i].at_ns && !memcmp(b->place[i].net, net, 8))
            return i;
        if (level_at(b, i, now_ns) < level_at(b, best, now_ns))
            best = i;
    }
    return best;
}

int64_t sg_backoff_failed(sg_backoff *b, const char *peer, int64_t now_ns)
{
    uint8_t net[8];
    net_of(peer, net);
    (void)pthread_mutex_lock(&b->lock);
    const int i = place_of(b, net, now_ns);
    const bool same = b->place[i].at_ns && !memcmp(b->place[i].net, net, 8);
    const double most = (double)(b->free_per_minute + STEPS), level = (same ? level_at(b, i, now_ns) : 0) + 1;
    memcpy(b->place[i].net, net, 8);
    b->place[i].level = level < most ? level : most;
    b->place[i].at_ns = now_ns ? now_ns : 1;
    const double over = b->place[i].level - (double)b->free_per_minute;
    (void)pthread_mutex_unlock(&b->lock);
    if (over <= 0)
        return 0;
    const int64_t ms = (int64_t)FIRST_MS << (over < STEPS ? (int)over : STEPS);
    return ms < MOST_MS ? ms : MOST_MS;
}

/* wire.c - see wire.h. */
#include "worker/wire.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static sg_status send_all(int fd, const void *data, size_t n, sg_err *err)
{
    const char *p = data;
    while (n > 0) {
        const ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return sg_fail(err, SG_IO, "cannot send to the other process: %s", strerror(errno));
        p += put;
        n -= (size_t)put;
    }
    return SG_OK;
}

sg_status sg_wire_send(int fd, const json_t *message, sg_err *err)
{
    char *text = sg_json_text(message, JSON_COMPACT);
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for a message");
    const size_t n = strlen(text);
    sg_status st =
        n > SG_WIRE_MAX ? sg_fail(err, SG_LIMIT, "a message of %zu bytes, at most %d", n, SG_WIRE_MAX) : SG_OK;
    const uint8_t head[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    if (!st)
        st = send_all(fd, head, sizeof head, err);
    if (!st)
        st = send_all(fd, text, n, err);
    explicit_bzero(text, n); /* it may have carried the session key */
    free(text);
    return st;
}

/* Reads exactly n bytes before `until_ns` (0: no limit). *none: not a single byte came in time. */
static sg_status receive_all(int fd, void *data, size_t n, int64_t until_ns, bool *none, sg_err *err)
{
    char *p = data;
    size_t got_all = 0;
    *none = false;
    while (got_all < n) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        const int64_t left = until_ns ? (until_ns - sg_clock_mono_ns()) / 1000000 : -1;
        const int ready = poll(&one, 1, until_ns ? (int)(left < 0 ? 0 : left > 60000 ? 60000 : left) : -1);
        if (ready < 0 && errno != EINTR)
            return sg_fail(err, SG_IO, "cannot wait for the other process: %s", strerror(errno));
        if (ready <= 0) {
            if (until_ns && sg_clock_mono_ns() >= until_ns) {
                *none = got_all == 0;
                return *none ? SG_OK : sg_fail(err, SG_FORMAT, "half a message came");
            }
            continue;
        }
        const ssize_t got = recv(fd, p + got_all, n - got_all, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != ECONNRESET)
            return sg_fail(err, SG_IO, "cannot receive from the other process: %s", strerror(errno));
        if (got <= 0)
            return sg_fail(err, SG_NOT_FOUND, "the other process is gone");
        got_all += (size_t)got;
    }
    return SG_OK;
}

sg_status sg_wire_receive(int fd, int timeout_ms, json_t **out, sg_err *err)
{
    uint8_t head[4];
    bool none;
    *out = NULL;
    SG_TRY(receive_all(fd, head, sizeof head, timeout_ms < 0 ? 0 : sg_clock_mono_ns() + (int64_t)timeout_ms * 1000000,
                       &none, err));
    if (none)
        return SG_OK;
    const size_t n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (n == 0 || n > SG_WIRE_MAX)
        return sg_fail(err, SG_LIMIT, "a message of %zu bytes, want 1..%d", n, SG_WIRE_MAX);
    char *text = malloc(n);
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for a message of %zu bytes", n);
    /* The head came, so the rest is on its way: a minute is for a machine that swaps. */
    sg_status st = receive_all(fd, text, n, sg_clock_mono_ns() + 60000000000, &none, err);
    json_error_t e;
    if (!st && none)
        st = sg_fail(err, SG_FORMAT, "half a message came");
    if (!st && !(*out = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e)))
        st = sg_fail(err, SG_FORMAT, "a message is not JSON: %s", e.text);
    if (!st && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        st = sg_fail(err, SG_FORMAT, "a message is not a JSON object");
    }
    explicit_bzero(text, n);
    free(text);
    return st;
}

const char *sg_wire_text(const json_t *message, const char *member)
{
    const char *s = json_string_value(json_object_get(message, member));
    return s ? s : "";
}

int64_t sg_wire_number(const json_t *message, const char *member, int64_t otherwise)
{
    const json_t *j = json_object_get(message, member);
    return json_is_integer(j) ? json_integer_value(j) : otherwise;
}

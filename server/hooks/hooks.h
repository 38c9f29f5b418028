/* hooks.h - calls to whoever wanted to hear of a job's end: Standard Webhooks.
 *
 * Shape:   the database keeps the calls to make (a trigger writes them in the transaction that ends a job), so that none is
 *          lost with the process; a call is made again, with the same webhook-id, until an answer is 2xx or 410, or
 *          webhooks.attempts_max is reached. Four lanes, chosen by host: a slow receiver holds up its own lane at most.
 *          POST {"type":"job.released","timestamp":...,"data":{"job":...,"state":...,"reason":...}}; signatures v1a (the
 *          service's Ed25519 key) and, with webhooks.secret_file, v1 (HMAC-SHA-256).
 * Units:   ms.
 * Owner:   sg_hooks_open/_close; config, store and signer are borrowed.
 * Threads: safe.
 * Not here: how a call is made (client/).
 * Source:  Standard Webhooks 1.0.
 */
#ifndef SG_SERVER_HOOKS_HOOKS_H
#define SG_SERVER_HOOKS_HOOKS_H

#include "client/client.h"
#include "config/config.h"
#include "crypto/sign.h"
#include "store/store.h"

enum { SG_HOOK_SECRET = 64 };

typedef struct sg_hook_secret {
    size_t n; /* 0: none */
    uint8_t bytes[SG_HOOK_SECRET];
} sg_hook_secret;

/* From a file that holds "whsec_" and the base64 of 24..64 bytes. NOT_FOUND, IO; FORMAT. */
sg_status sg_hook_secret_load(const char *path, sg_hook_secret *out, sg_err *err) SG_MUST_USE;

/* The value of webhook-signature over id, timestamp and body, appended. */
sg_status sg_hook_sign(const sg_signer *key, const sg_hook_secret *secret, const char *id, int64_t timestamp_s,
                       const char *body, size_t n, sg_buf *out, sg_err *err) SG_MUST_USE;

/* The wait until the next attempt after `attempts` were made: first, then four times as long each time, at most a day. */
int64_t sg_hook_wait_ms(int64_t first_s, int attempts);

/* webhooks.hosts lists the host of this URL ("name" is port 443, or 80 for http), and http is allowed where it is one. */
bool sg_hook_allowed(const sg_config *c, const char *url);

typedef struct sg_hooks sg_hooks;

/* FORMAT: webhooks.networks cannot be read; NOMEM, INTERNAL. */
sg_status sg_hooks_open(const sg_config *config, sg_store *store, const sg_signer *key, const sg_hook_secret *secret,
                        sg_hooks **out, sg_err *err) SG_MUST_USE;
void sg_hooks_close(sg_hooks *h); /* breaks calls off: they are made again. Accepts NULL */

#endif

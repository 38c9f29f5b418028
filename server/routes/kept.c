/* kept.c - the answers to GET /v1/jobs/{id} of finished jobs, kept for whoever polls on. The JSON of a finished job is a
 * function of its row and of files that do not change without it, so an answer counts exactly as long as the row that it
 * was made of is, byte for byte, the row that was read now; who may see that row was asked before. */
#include "routes/internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 256, KEPT_MAX = 16384 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards slot */
static struct {
    sg_job job;
    char etag[sizeof((sg_answer *)0)->etag];
    unsigned char *text; /* n bytes; NULL: nothing is kept here */
    size_t n;
} slot[SLOTS];

bool sg_routes_kept(const sg_job *job, sg_answer *a)
{
    const int i = (int)(job->seq % SLOTS);
    (void)pthread_mutex_lock(&lock);
    const bool found = slot[i].text && !memcmp(&slot[i].job, job, sizeof *job) &&
                       sg_buf_add(&a->body, slot[i].text, slot[i].n, NULL) == SG_OK;
    if (found)
        memcpy(a->etag, slot[i].etag, sizeof a->etag);
    (void)pthread_mutex_unlock(&lock);
    if (!found)
        return false;
    a->status = 200;
    (void)strcpy(a->type, "application/json");
    return true;
}

void sg_routes_keep(const sg_job *job, const sg_answer *a)
{
    const int i = (int)(job->seq % SLOTS);
    if (!sg_job_state_finished(job->state) || a->status != 200 || a->body.n == 0 || a->body.n > KEPT_MAX)
        return;
    unsigned char *text = malloc(a->body.n);
    if (!text)
        return;
    memcpy(text, a->body.data, a->body.n);
    (void)pthread_mutex_lock(&lock);
    free(slot[i].text);
    slot[i].text = text;
    slot[i].n = a->body.n;
    slot[i].job = *job;
    memcpy(slot[i].etag, a->etag, sizeof a->etag);
    (void)pthread_mutex_unlock(&lock);
}

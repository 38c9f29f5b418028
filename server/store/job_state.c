/* job_state.c - see job_state.h. */
#include "store/job_state.h"

#include <string.h>

#define TO(name) (1u << SG_JOB_##name)

static const struct {
    const char *word;
    unsigned to;
    bool finished;
} state[SG_N_JOB_STATE] = {
#define X(name, word, to, finished) [SG_JOB_##name] = {word, to, finished},
    SG_JOB_STATES(X)
#undef X
};

const char *sg_job_state_name(sg_job_state s)
{
    return s < SG_N_JOB_STATE ? state[s].word : "?";
}

sg_status sg_job_state_parse(const char *word, sg_job_state *out, sg_err *err)
{
    for (int i = 0; i < SG_N_JOB_STATE; i++)
        if (!strcmp(word, state[i].word)) {
            *out = (sg_job_state)i;
            return SG_OK;
        }
    return sg_fail(err, SG_FORMAT, "\"%.40s\" is no job state", word);
}

bool sg_job_state_may(sg_job_state from, sg_job_state to)
{
    return from < SG_N_JOB_STATE && to < SG_N_JOB_STATE && (state[from].to >> to & 1);
}

bool sg_job_state_finished(sg_job_state s)
{
    return s < SG_N_JOB_STATE && state[s].finished;
}

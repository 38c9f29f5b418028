/* schedule.c - see schedule.h. */
#include "diffusion/schedule.h"

#include <math.h>
#include <string.h>

void sg_schedule_published(sg_schedule *s)
{
    const double lo = sqrt(0.00085), hi = sqrt(0.0120);
    double abar = 1.0;
    for (int i = 0; i < SG_N_SIGMA; i++) {
        const double root = lo + (hi - lo) * i / (SG_N_SIGMA - 1);
        abar *= 1.0 - root * root;
        s->sigma[i] = sqrt((1.0 - abar) / abar);
    }
}

int sg_schedule_nearest(const sg_schedule *s, double sigma)
{
    int best = 0;
    for (int i = 1; i < SG_N_SIGMA; i++)
        if (fabs(s->sigma[i] - sigma) < fabs(s->sigma[best] - sigma))
            best = i;
    return best;
}

static const char *const objective_word[] = {
#define X(name, word) word,
    SG_OBJECTIVE_LIST(X)
#undef X
};

const char *sg_objective_name(sg_objective o)
{
    return (unsigned)o < SG_N_OBJECTIVE ? objective_word[o] : "unknown";
}

sg_status sg_objective_parse(const char *word, sg_objective *out, sg_err *err)
{
    for (int i = 0; i < SG_N_OBJECTIVE; i++)
        if (strcmp(word, objective_word[i]) == 0) {
            *out = (sg_objective)i;
            return SG_OK;
        }
    return sg_fail(err, SG_FORMAT, "objective is \"%.40s\", want eps or v", word);
}

/* compare.c - a cohort made again beside the one that was released; see release.h. */
#include "attest/release.h"
#include "release/manifest.h"
#include "release/release.h"

#include <stdio.h>
#include <string.h>

typedef struct comparison {
    const sg_parcel *again;
    sg_verification *out;
} comparison;

static void name_differing(sg_verification *v, const char *name)
{
    const size_t n = strlen(v->differing);
    (void)snprintf(v->differing + n, sizeof v->differing - n, "%s%s", n ? " " : "", name);
}

/* One file that was released, beside the one of the same name. */
static sg_status compare_file(void *ctx, const sg_job_file *f, sg_err *err)
{
    comparison *c = ctx;
    char hex[SG_DIGEST_HEX];
    (void)err;
    if (!strcmp(f->name, SG_MANIFEST_NAME) || !strcmp(f->name, SG_CRATE_NAME))
        return SG_OK; /* their times and proofs are those of the release */
    c->out->n_file++;
    for (int i = 0; i < c->again->n; i++) {
        if (strcmp(c->again->file[i].name, f->name) != 0)
            continue;
        sg_hex(c->again->file[i].sha256.b, SG_DIGEST_BYTES, hex);
        if (c->again->file[i].bytes == f->bytes && !strcmp(hex, f->sha256))
            return SG_OK;
    }
    name_differing(c->out, f->name);
    return SG_OK;
}

static sg_status compare_files(const sg_digest *files, const sg_release_place *p, sg_store *s, const sg_job *job,
                               sg_verification *out, sg_err *err)
{
    char folder[720];
    sg_parcel again;
    comparison c = {&again, out};
    (void)snprintf(folder, sizeof folder, "%s/%.40s.%d", p->quarantine, job->id, job->attempts);
    SG_TRY(sg_parcel_read(folder, &again, err));
    const sg_digest got = sg_parcel_digest(&again, job->id, job->attempts);
    if (again.n && !sg_digest_equal(&got, files))
        return sg_fail(err, SG_PRIVACY, "job %s: the files in quarantine are not the worker's", job->id);
    if (again.n == 0) {
        (void)snprintf(out->outcome, sizeof out->outcome, "failed");
        (void)snprintf(out->reason, sizeof out->reason, "withheld_now");
        return SG_OK;
    }
    SG_TRY(sg_store_file_each(s, job->id, compare_file, &c, err));
    (void)snprintf(out->outcome, sizeof out->outcome, "%s",
                   *out->differing || again.n != out->n_file ? "different" : "same");
    return SG_OK;
}

sg_status sg_release_compare(const void *sealed, size_t n, const uint8_t key[SG_KEY_BYTES], const sg_release_place *p,
                             sg_store *s, const sg_job *job, const char *cohort, sg_verification *out, sg_err *err)
{
    sg_verdict *v;
    sg_digest files;
    char hex[SG_DIGEST_HEX];
    out->n_file = 0;
    out->outcome[0] = out->reason[0] = out->differing[0] = '\0';
    SG_TRY(sg_verdict_unseal(sealed, n, key, &files, &v, err));
    sg_hex(sg_verdict_subject(v)->b, SG_DIGEST_BYTES, hex);
    sg_verdict_free(v);
    SG_TRY(compare_files(&files, p, s, job, out, err));
    if (strcmp(hex, cohort) != 0) { /* whatever became of the files: other people */
        (void)snprintf(out->outcome, sizeof out->outcome, "different");
        (void)snprintf(out->reason, sizeof out->reason, "other_genotypes");
    }
    return SG_OK;
}

/* pack.c - a judged cohort becomes files; see worker.h.
 *
 * core/cohorts writes them: every format counts A1, whichever allele the model counts. Nothing here depends on the clock:
 * the same job gives the same bytes. The people in memory must still be those of the verdict, and after writing every
 * file is read back and compared with them, so that a mistake in writing cannot release what nobody judged. */
#include "worker/worker.h"
#include "base/clock.h"
#include "base/json.h"
#include "cohorts/export.h"
#include "nn/backend.h"
#include "worker/parcel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_TEXT = 1200 };

static void path_of(const sg_pack *p, const char *name, char out[PATH_TEXT])
{
    (void)snprintf(out, PATH_TEXT, "%s/%s", p->work->folder, name);
}

static sg_status write_json(const sg_pack *p, const char *name, json_t *j, sg_err *err)
{
    char path[PATH_TEXT];
    path_of(p, name, path);
    char *text = j ? sg_json_text(j, JSON_INDENT(2)) : NULL;
    json_decref(j);
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for %s", name);
    const size_t n = strlen(text);
    text[n] = '\n'; /* over the terminator: the length is given */
    const sg_status st = sg_file_write(path, 0600, text, n + 1, err);
    free(text);
    return st;
}

static json_t *sampler_json(const sg_pack *p)
{
    return json_pack("{s:s,s:i,s:f,s:s}", "name", sg_solver_name(p->how->solve.solver), "steps", p->how->solve.steps,
                     "guidance", p->how->solve.guidance, "decode", sg_decode_name(p->how->decode));
}

/* What computed: with bundle, seed and build it decides the bytes. */
static json_t *numerics_json(void)
{
    const sg_backend *b = sg_backend_chosen();
    return json_pack("{s:s,s:s}", "backend", b->name, "precision", sg_precision_name(b->precision));
}

static json_t *facts(const sg_pack *p)
{
    char created[SG_TIME_BYTES];
    const sg_work *w = p->work;
    sg_clock_rfc3339(w->created_ms, created);
    char policy[SG_DIGEST_HEX];
    sg_hex(sg_verdict_policy(p->verdict)->b, SG_DIGEST_BYTES, policy);
    sg_qualification q;
    sg_qualification_read(&p->model->card, &q);
    return json_pack("{s:b,s:s,s:s,s:{s:s,s:s,s:s,s:s?},s:{s:I,s:I},s:I,s:o,s:o,s:I,s:{s:s,s:b,s:s}}", "synthetic", 1,
                     "job", w->job, "requested", created, "model", "id", w->model, "digest", w->model_digest, "trait",
                     p->model->card.trait, "qualified", q.present ? q.created : NULL, "cohort", "cases",
                     (json_int_t)w->n_case, "controls", (json_int_t)w->n_control, "seed", (json_int_t)w->seed,
                     "sampler", sampler_json(p), "numerics", numerics_json(), "snps", (json_int_t)p->people->n_variant,
                     "checks", "outcome", sg_outcome_name(sg_verdict_outcome(p->verdict)), "low_power",
                     (int)sg_verdict_low_power(p->verdict), "policy_digest", policy);
}

/* The requester's copy of the gate's report: status and code, no number. */
static sg_status write_page(const sg_pack *p, sg_err *err)
{
    char path[PATH_TEXT];
    sg_buf b;
    path_of(p, "report.html", path);
    sg_buf_init(&b, 1 << 20);
    sg_status st = sg_verdict_html(p->verdict, false, &b, err);
    if (!st)
        st = sg_file_write(path, 0600, b.data, b.n, err);
    sg_buf_clear(&b);
    return st;
}

static sg_status write_readme(const sg_pack *p, const sg_export_spec *spec, sg_err *err)
{
    char path[PATH_TEXT];
    sg_out o;
    path_of(p, "README.txt", path);
    SG_TRY(sg_out_open(path, 0600, &o, err));
    (void)fprintf(
        o.f,
        "These people do not exist. They were drawn from the generative model \"%s\" (trait %s) by snpgen %s\n"
        "for job %s, with seed %lld. Person IDs begin with SYN.\n\n",
        p->work->model, p->model->card.trait, SG_VERSION, p->work->job, (long long)p->work->seed);
    sg_export_describe(spec, o.f);
    (void)fprintf(o.f, "report.json         what was asked for and that the release checks passed\n"
                       "report.html         the checks' outcome as a page\n"
                       "manifest.json       the signed statement over all of this: snpgen verify FOLDER --key PUB\n"
                       "ro-crate-metadata.json   the same for machines that read RO-Crate\n");
    return sg_out_commit(&o, err);
}

/* Are the people about to be written, and their labels, the ones that were judged? */
static sg_status still_judged(const sg_pack *p, sg_err *err)
{
    const sg_digest d = sg_cohort_digest(p->people, p->label);
    return sg_digest_equal(&d, sg_verdict_subject(p->verdict))
               ? SG_OK
               : sg_fail(err, SG_INTERNAL, "the people to be packed are not those that were judged");
}

sg_status sg_pack_write(const sg_pack *p, const sg_run *run, sg_arena *a, sg_digest *files, sg_err *err)
{
    sg_parcel parcel;
    sg_bim bim;
    char prefix[PATH_TEXT], labels[PATH_TEXT];
    path_of(p, "cohort", prefix);
    path_of(p, "labels.npy", labels);
    const sg_export_spec spec = {.prefix = prefix,
                                 .labels = labels,
                                 .formats = p->work->formats,
                                 .mode = 0600,
                                 .variants = &bim,
                                 .counted_a2 = p->model->panel.counted_a2,
                                 .n_people = p->people->n_sample,
                                 .label = p->label,
                                 .sex = sg_export_sex_of(p->model->card.trait),
                                 .trait = p->model->card.trait,
                                 .model = p->work->model,
                                 .seed = (uint64_t)p->work->seed};
    SG_TRY(still_judged(p, err));
    SG_TRY(sg_panel_bim(&p->model->panel, a, &bim, err));
    SG_TRY(sg_export_people(&spec, p->people, run, a, err));
    SG_TRY(sg_export_check(&spec, p->people, run, a, err));
    SG_TRY(write_json(p, "report.json", facts(p), err));
    SG_TRY(write_page(p, err));
    SG_TRY(write_readme(p, &spec, err));
    SG_TRY(sg_parcel_read(p->work->folder, &parcel, err));
    *files = sg_parcel_digest(&parcel, p->work->job, p->work->attempt);
    return SG_OK;
}

/* cohort.c - people and latents to files and back; see bundle.h. */
#include "base/file.h"
#include "cli/bundle.h"
#include "formats/npy.h"

#include <stdio.h>

sg_status sg_cohort_spec(const char *prefix, const char *formats, const sg_model *m, uint64_t seed, int64_t n,
                         const int8_t *label, sg_arena *a, sg_export_spec *out, sg_err *err)
{
    sg_bim *bim = SG_NEW(a, sg_bim, 1);
    *out = (sg_export_spec){.prefix = prefix,
                            .mode = 0644,
                            .variants = bim,
                            .counted_a2 = m->panel.counted_a2,
                            .n_people = n,
                            .label = label,
                            .sex = sg_export_sex_of(m->card.trait),
                            .trait = m->card.trait,
                            .model = m->card.id,
                            .seed = seed};
    SG_TRY(sg_export_parse(formats, &out->formats, err));
    if (!bim)
        return sg_arena_full(a, "the table of SNPs", err);
    return sg_panel_bim(&m->panel, a, bim, err);
}

sg_status sg_cohort_readme(const sg_export_spec *s, sg_err *err)
{
    char path[4096];
    sg_out o;
    if (snprintf(path, sizeof path, "%s.README.txt", s->prefix) >= (int)sizeof path)
        return sg_fail(err, SG_LIMIT, "the output path is too long");
    SG_TRY(sg_out_open(path, s->mode, &o, err));
    (void)fprintf(o.f,
                  "These people do not exist. They were drawn from the generative model \"%s\" (trait %s) by snpgen %s\n"
                  "with seed %llu, and have NOT passed the release gate (snpgen check). Person IDs begin with SYN.\n\n",
                  s->model, s->trait, SG_VERSION, (unsigned long long)s->seed);
    sg_export_describe(s, o.f);
    return sg_out_commit(&o, err);
}

sg_status sg_cohort_latents(const char *path, const sg_model *m, sg_arena *a, int64_t *n, float **x, sg_err *err)
{
    int n_dim;
    int64_t dim[4];
    void *data;
    SG_TRY(sg_npy_load(path, SG_NPY_F4, a, &n_dim, dim, &data, err));
    const int64_t z = m->card.unet.z_channels, T = m->card.unet.latent_len;
    if (n_dim != 3 || dim[1] != z || dim[2] != T)
        return sg_fail(err, SG_MISMATCH,
                       "%s has %d dimensions, %lld x %lld x %lld; the model wants 3, people x %lld x %lld", path, n_dim,
                       (long long)dim[0], (long long)dim[1], (long long)dim[2], (long long)z, (long long)T);
    *n = dim[0];
    *x = data;
    return SG_OK;
}

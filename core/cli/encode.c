/* encode.c - snpgen encode: the posterior means of real people under a model's VAE. */
#include "cli/bundle.h"
#include "cli/cli.h"
#include "cli/fileset.h"
#include "formats/npy.h"
#include "sampler/sampler.h"

#include <stdio.h>
#include <string.h>

static sg_status encode(const char *bfile, const char *out, const sg_model *m, sg_cli *cli, sg_arena *a, sg_err *err)
{
    sg_fileset f;
    SG_TRY(sg_fileset_load(bfile, &m->panel, a, &f, err));
    if (f.n_missing)
        return sg_fail(err, SG_LIMIT,
                       "%lld of %lld genotypes on the panel's SNPs are missing and the networks read none; impute them "
                       "first",
                       (long long)f.n_missing, (long long)(f.people.n_sample * f.people.n_variant));
    const int64_t n = f.people.n_sample, z = m->card.unet.z_channels, T = m->card.unet.latent_len;
    float *mean = SG_NEW(a, float, n *z *T);
    if (!mean)
        return sg_arena_full(a, "the latents", err);
    SG_TRY(sg_sample_encode(m, &f.people, &cli->run, mean, err));
    SG_TRY(sg_npy_save(out, SG_NPY_F4, 3, (const int64_t[]){n, z, T}, mean, err));
    if (cli->json)
        (void)printf("{\"people\":%lld,\"shape\":[%lld,%lld,%lld]}\n", (long long)n, (long long)n, (long long)z,
                     (long long)T);
    else
        (void)printf("%s: latent means of %lld people, %lld x %lld each\n", out, (long long)n, (long long)z,
                     (long long)T);
    return SG_OK;
}

int sg_cmd_encode(int argc, char **argv)
{
    const char *model = NULL, *bfile = NULL, *out = NULL, *backend = NULL, *precision = NULL;
    const sg_opt opts[] = {
        {"model", SG_OPT_TEXT, &model, 0, 0, "DIR", "model bundle", true},
        {"bfile", SG_OPT_TEXT, &bfile, 0, 0, "PREFIX", "PLINK fileset that has the panel's SNPs", true},
        {"out", SG_OPT_TEXT, &out, 0, 0, "F.npy", "posterior means, float32 [people, z, latent]", true},
        SG_OPT_BACKEND(backend, precision),
    };
    sg_cli cli;
    const int code = sg_cli_begin(&cli, "encode",
                                  "--model DIR --bfile PREFIX --out F.npy\n\nTurns genotypes into latents. Latents of "
                                  "real people are personal data like their genotypes.",
                                  opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_model *m = NULL;
    sg_status st = sg_bundle_open(model, backend, precision, cli.memory_mib, &a, &m, &err);
    if (!st)
        st = encode(bfile, out, m, &cli, &a, &err);
    sg_model_close(m);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}

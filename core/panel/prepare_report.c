/* prepare_report.c - the counts of a preparation, for people and for machines. */
#include "panel/prepare_inside.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- for machines ---- */

static void put_int(json_t *j, const char *key, int64_t n)
{
    (void)json_object_set_new(j, key, json_integer(n));
}

static void put_text(json_t *j, const char *key, const char *s)
{
    (void)json_object_set_new(j, key, s ? json_string_nocheck(s) : json_null());
}

static void put_real(json_t *j, const char *key, double x)
{
    (void)json_object_set_new(j, key, isfinite(x) ? json_real(x) : json_null());
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

/* File names of others may hold bytes that are not UTF-8, which JSON cannot. */
static void put_file(json_t *j, const char *key, const char *path)
{
    json_t *s = path ? json_string(base_name(path)) : json_null();
    (void)json_object_set_new(j, key, s ? s : json_string("(name is not UTF-8)"));
}

static json_t *options_json(const sg_prepare_options *o)
{
    json_t *j = json_object();
    put_file(j, "bfile", o->bfile);
    put_file(j, "vcf", o->vcf);
    put_file(j, "pheno", o->pheno);
    put_file(j, "sumstats", o->sumstats);
    put_file(j, "keep", o->keep);
    put_file(j, "remove", o->remove);
    put_file(j, "extract", o->extract);
    put_file(j, "exclude", o->exclude);
    put_file(j, "col", o->columns);
    put_file(j, "pheno_name", o->pheno_options.column);
    put_file(j, "case_label", o->pheno_options.case_label);
    put_file(j, "threshold", o->pheno_options.threshold);
    put_text(j, "sex_only", o->sex_only);
    put_text(j, "impute", sg_impute_name(o->impute));
    put_int(j, "top", o->top);
    put_text(j, "rank", o->rank == SG_RANK_EFFECT ? "effect" : "p");
    json_t *clump = json_null();
    if (o->clump.on) {
        clump = json_object();
        put_real(clump, "p1", o->clump.p1);
        put_real(clump, "p2", o->clump.p2);
        put_real(clump, "r2", o->clump.r2);
        put_real(clump, "kb", o->clump.kb);
    }
    (void)json_object_set_new(j, "clump", clump);
    put_int(j, "min_distance", o->clump.distance);
    put_text(j, "region", o->regions);
    put_text(j, "exclude_region", o->no_regions);
    put_int(j, "seed", (int64_t)o->split.seed);
    put_real(j, "maf", o->maf);
    put_real(j, "geno", o->geno);
    put_real(j, "mind", o->mind);
    put_real(j, "hwe", o->hwe);
    put_text(j, "relatives", o->relatives.ignore ? "ignore" : "group");
    put_text(j, "duplicates", o->relatives.duplicates == SG_DUPLICATES_REFUSE ? "refuse" : "drop");
    put_real(j, "test", o->split.test);
    put_real(j, "val", o->split.val);
    put_real(j, "audit", o->split.audit);
    put_int(j, "strata", o->strata);
    return j;
}

static json_t *people_json(const sg_prepare_report *r)
{
    json_t *j = json_object(), *roles = json_object();
    put_int(j, "in_fam", r->n_fam);
    put_int(j, "left_out_by_list", r->n_listed);
    put_int(j, "left_out_by_sex", r->n_sex);
    put_int(j, "without_phenotype", r->n_no_label);
    put_int(j, "too_many_missing", r->n_mind);
    put_int(j, "duplicates", r->kin.n_duplicate);
    put_int(j, "kept", r->n_people);
    json_t *kin = json_object();
    put_int(kin, "markers", r->kin.n_marker);
    put_real(kin, "cutoff", r->kin.cutoff);
    put_real(kin, "median_of_strangers", r->kin.median);
    put_real(kin, "spread_of_strangers", r->kin.spread);
    put_int(kin, "pairs", r->kin.n_pair);
    put_int(kin, "families", r->kin.n_family);
    put_int(kin, "people_in_families", r->kin.n_in_family);
    put_int(kin, "largest_family", r->kin.largest);
    (void)json_object_set_new(j, "kinship", kin);
    put_int(j, "phenotype_rows_of_others", r->n_pheno_unknown);
    put_real(j, "threshold", r->threshold);
    for (int role = 0; role < SG_N_ROLE; role++) {
        json_t *by_label = json_array();
        for (int l = 0; l < 2; l++)
            (void)json_array_append_new(by_label, json_integer(r->n_role[role][l]));
        (void)json_object_set_new(roles, sg_role_name((sg_role)role), by_label);
    }
    (void)json_object_set_new(j, "by_role_and_label", roles);
    json_t *halves = json_array(), *audit = json_object();
    for (int l = 0; l < 2; l++)
        (void)json_array_append_new(halves, json_integer(r->n_calibration[l]));
    (void)json_object_set_new(j, "test_for_calibration_by_label", halves);
    json_t *strata = json_array();
    for (int g = 0; g < SG_STRATA_MAX; g++)
        if (r->n_stratum[g])
            (void)json_array_append_new(strata, json_integer(r->n_stratum[g]));
    (void)json_object_set_new(j, "strata", strata);
    put_int(audit, "train", r->n_audit[SG_ROLE_TRAIN]);
    put_int(audit, "test", r->n_audit[SG_ROLE_TEST]);
    (void)json_object_set_new(j, "audit_by_coin", audit);
    return j;
}

static json_t *variants_json(const sg_prepare_report *r)
{
    json_t *j = json_object(), *align = json_object();
    put_int(j, "in_bim", r->n_bim);
    put_int(j, "files", r->n_file);
    put_text(j, "chromosomes_without_file", r->absent);
    for (int f = 0; f < SG_N_FATE; f++)
        put_int(j, sg_fate_key((sg_fate)f), r->n_fate[f]);
    for (int k = 1; k < SG_N_ALIGN; k++)
        put_int(align, sg_align_words((sg_align)k), r->n_align[k]);
    (void)json_object_set_new(j, "alleles_of_kept", align);
    put_int(j, "matched_by_id", r->n_by_id);
    put_int(j, "matched_by_position", r->n_by_place);
    put_int(j, "named_among_several_at_a_position", r->n_of_several);
    put_int(j, "same_id_same_position", r->n_place_same);
    put_int(j, "same_id_other_position", r->n_place_differ);
    put_int(j, "imputed_genotypes", r->n_imputed);
    put_int(j, "half_calls_as_missing", r->calls.n_half);
    put_int(j, "haploid_calls_as_missing", r->calls.n_haploid);
    put_int(j, "third_alleles_as_missing", r->calls.n_other);
    return j;
}

static json_t *sumstats_json(const sg_prepare_report *r)
{
    json_t *j = json_object(), *drop = json_object(), *column = json_object();
    put_int(j, "rows", r->sum.n_row);
    put_int(j, "rows_used", r->sum.n_kept);
    put_int(j, "rows_repeated", r->n_repeat);
    put_int(j, "p_below_smallest_double", r->sum.n_p_floor);
    put_int(j, "frequency_out_of_range", r->sum.n_bad_freq);
    for (int d = 0; d < SG_N_SUM_DROP; d++)
        put_int(drop, sg_sum_drop_words((sg_sum_drop)d), r->sum.n_drop[d]);
    for (int c = 0; c < SG_N_SUM_ROLE; c++)
        if (r->sum.column[c][0])
            put_file(column, sg_sum_role_name((sg_sum_role)c), r->sum.column[c]);
    (void)json_object_set_new(j, "dropped", drop);
    (void)json_object_set_new(j, "columns", column);
    return j;
}

json_t *sg_prepare_about(const sg_prepare_options *o, const sg_prepare_report *rep)
{
    json_t *j = json_object();
    if (!j)
        return NULL;
    put_text(j, "snpgen", SG_VERSION);
    (void)json_object_set_new(j, "options", options_json(o));
    (void)json_object_set_new(j, "people", people_json(rep));
    (void)json_object_set_new(j, "variants", variants_json(rep));
    (void)json_object_set_new(j, "summary_statistics", sumstats_json(rep));
    return j;
}

sg_status sg_prepare_about_input(json_t *inputs, const char *role, const char *path, sg_err *err)
{
    sg_digest d;
    char hex[SG_DIGEST_HEX];
    if (!path)
        return SG_OK;
    SG_TRY(sg_sha256_file(path, &d, err));
    sg_hex(d.b, SG_DIGEST_BYTES, hex);
    json_t *j = json_object();
    put_file(j, "file", path);
    put_text(j, "sha256", hex);
    return json_object_set_new(inputs, role, j) ? sg_fail(err, SG_NOMEM, "no memory for prepare.json") : SG_OK;
}

/* ---- for people ---- */

static sg_status line(sg_buf *b, int64_t n, const char *lead, const char *words, sg_err *err)
{
    return n ? sg_buf_printf(b, err, "%10lld  %s%s\n", (long long)n, lead, words) : SG_OK;
}

static sg_status people_flow(const sg_prepare_report *r, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "%10lld  people in the .fam\n", (long long)r->n_fam));
    SG_TRY(line(b, r->n_listed, "- ", "left out by --keep or --remove", err));
    SG_TRY(line(b, r->n_sex, "- ", "left out by --sex-only", err));
    SG_TRY(line(b, r->n_no_label, "- ", "without a phenotype", err));
    SG_TRY(line(b, r->n_mind, "- ", "with too many missing genotypes (--mind)", err));
    SG_TRY(line(b, r->kin.n_duplicate, "- ", "duplicates of somebody kept", err));
    SG_TRY(sg_buf_printf(b, err, "%10lld  = people kept\n", (long long)r->n_people));
    if (r->kin.n_marker && isnan(r->kin.cutoff))
        SG_TRY(sg_buf_printf(b, err, "            %lld markers cannot tell relatives from strangers\n",
                             (long long)r->kin.n_marker));
    else if (r->kin.n_marker)
        SG_TRY(sg_buf_printf(b, err,
                             "            %lld pairs of relatives (kinship %.4g or more over %lld markers) in %lld "
                             "families, whole on one side of the split\n",
                             (long long)r->kin.n_pair, r->kin.cutoff, (long long)r->kin.n_marker,
                             (long long)r->kin.n_family));
    if (!isnan(r->threshold))
        SG_TRY(sg_buf_printf(b, err, "            a case is a phenotype above %g\n", r->threshold));
    for (int l = 0; l < 2; l++)
        SG_TRY(sg_buf_printf(b, err, "            %s: %lld train, %lld val, %lld test\n", r->label_name[l],
                             (long long)r->n_role[SG_ROLE_TRAIN][l], (long long)r->n_role[SG_ROLE_VAL][l],
                             (long long)r->n_role[SG_ROLE_TEST][l]));
    return sg_buf_printf(
        b, err, "            test halves: %lld to calibrate, %lld to measure; by coin: %lld train, %lld test\n",
        (long long)(r->n_calibration[0] + r->n_calibration[1]),
        (long long)(r->n_role[SG_ROLE_TEST][0] + r->n_role[SG_ROLE_TEST][1] - r->n_calibration[0] -
                    r->n_calibration[1]),
        (long long)r->n_audit[SG_ROLE_TRAIN], (long long)r->n_audit[SG_ROLE_TEST]);
}

static sg_status sumstats_flow(const sg_prepare_report *r, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "%10lld  rows of summary statistics\n", (long long)r->sum.n_row));
    for (int d = 0; d < SG_N_SUM_DROP; d++)
        SG_TRY(line(b, r->sum.n_drop[d], "- ", sg_sum_drop_words((sg_sum_drop)d), err));
    SG_TRY(sg_buf_printf(b, err, "%10lld  = rows used\n", (long long)r->sum.n_kept));
    SG_TRY(line(b, r->n_repeat, "  ", "of them for a variant that had one already (the better was kept)", err));
    return line(b, r->sum.n_p_floor, "  ", "of them with p below the smallest number, ranked by its logarithm", err);
}

static sg_status variants_flow(const sg_prepare_report *r, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "%10lld  variants in the .bim\n", (long long)r->n_bim));
    if (r->n_file > 1)
        SG_TRY(sg_buf_printf(b, err, "            from %d filesets; none for chromosomes %s\n", r->n_file,
                             *r->absent ? r->absent : "-"));
    for (int f = SG_FATE_OPEN + 1; f < SG_N_FATE; f++)
        SG_TRY(line(b, r->n_fate[f], "- ", sg_fate_words((sg_fate)f), err));
    SG_TRY(sg_buf_printf(b, err, "%10lld  = SNPs in the panel\n", (long long)r->n_fate[SG_FATE_OPEN]));
    SG_TRY(line(b, r->n_of_several, "  ", "named by the statistics among several variants at one position", err));
    for (int k = 1; k < SG_N_ALIGN; k++)
        SG_TRY(line(b, r->n_align[k], "  alleles ", sg_align_words((sg_align)k), err));
    SG_TRY(line(b, r->calls.n_half, "  ", "half calls (0/.) of the panel read as missing", err));
    SG_TRY(line(b, r->calls.n_haploid, "  ", "calls of one allele of the panel read as missing", err));
    SG_TRY(line(b, r->calls.n_other, "  ", "calls of a third allele of the panel read as missing", err));
    return line(b, r->n_imputed, "  ", "missing genotypes imputed", err);
}

sg_status sg_prepare_flow(const sg_prepare_report *rep, sg_buf *b, sg_err *err)
{
    SG_TRY(people_flow(rep, b, err));
    SG_TRY(sumstats_flow(rep, b, err));
    return variants_flow(rep, b, err);
}

sg_status sg_prepare_nothing_left(const sg_prepare_report *r, sg_err *err)
{
    char text[400] = "";
    size_t used = 0;
    for (int f = SG_FATE_OPEN + 1; f < SG_N_FATE; f++) {
        if (!r->n_fate[f])
            continue;
        const int w =
            snprintf(text + used, sizeof text - used, "; %lld %s", (long long)r->n_fate[f], sg_fate_words((sg_fate)f));
        used = w > 0 && used + (size_t)w < sizeof text ? used + (size_t)w : sizeof text - 1;
    }
    return sg_fail(err, SG_DEGENERATE, "no SNP is left of %lld in the .bim and %lld rows of summary statistics%s",
                   (long long)r->n_bim, (long long)r->sum.n_row, text);
}

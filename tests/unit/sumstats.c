/* Summary statistics in the shapes the field's programs write them. */
#include "files.h"
#include "formats/sumstats.h"

#include <float.h>
#include <math.h>
#include <zlib.h>

typedef struct seen {
    int n;
    struct {
        char id[24], chrom[24], a1[24], a2[24];
        int64_t pos;
        double freq, beta, se, p, mlog10p;
    } row[4];
} seen;

static sg_status on_row(void *ctx, const sg_sum_row *r, sg_err *err)
{
    (void)err;
    seen *s = ctx;
    if (s->n == 4)
        return sg_fail(err, SG_LIMIT, "enough");
    (void)snprintf(s->row[s->n].id, 24, "%s", r->id);
    (void)snprintf(s->row[s->n].chrom, 24, "%s", r->chrom);
    (void)snprintf(s->row[s->n].a1, 24, "%s", r->a1);
    (void)snprintf(s->row[s->n].a2, 24, "%s", r->a2);
    s->row[s->n].pos = r->pos;
    s->row[s->n].freq = r->freq;
    s->row[s->n].beta = r->beta;
    s->row[s->n].se = r->se;
    s->row[s->n].mlog10p = r->mlog10p;
    s->row[s->n++].p = r->p;
    return SG_OK;
}

static sg_sum_report read_text(const char *text, const char *columns, seen *s)
{
    sg_err err = {0};
    sg_sum_report rep;
    *s = (seen){0};
    ck_ok(sg_sumstats_decode("x", text, strlen(text), columns, on_row, s, &rep, &err), err);
    return rep;
}

/* Each says the same of rs1: chromosome 1, position 100, effect of A against G. */
static const struct {
    const char *program, *text;
    double beta, se, p, freq;
} shape[] = {
    {"plink2 --glm",
     "#CHROM\tPOS\tID\tREF\tALT\tA1\tA1_FREQ\tFIRTH?\tTEST\tOBS_CT\tOR\tLOG(OR)_SE\tZ_STAT\tP\tERRCODE\n"
     "1\t100\trs1\tA\tG\tA\t0.2\tN\tADD\t99\t2\t0.1\t1.8\t0.07\t.\n"
     "1\t100\trs1\tA\tG\tA\t0.2\tN\tSEX\t99\t9\t0.1\t1.8\t0.01\t.\n",
     M_LN2, 0.1, 0.07, 0.2},
    {"plink2 --glm, A1 is ALT", "#CHROM POS ID REF ALT A1 TEST BETA SE P\n1 100 rs1 G A A ADD 0.5 0.1 0.07\n", 0.5, 0.1,
     0.07, NAN},
    {"plink --assoc", " CHR SNP BP A1 F_A F_U A2 CHISQ P OR\n 1 rs1 100 A 0.1 0.2 G 3 0.08 2\n", M_LN2, NAN, 0.08, 0.2},
    {"BOLT-LMM",
     "SNP\tCHR\tBP\tGENPOS\tALLELE1\tALLELE0\tA1FREQ\tBETA\tSE\tP_LINREG\tP_BOLT_LMM_INF\tP_BOLT_LMM\n"
     "rs1\t1\t100\t0.1\tA\tG\t.5\t0.5\t0.01\t.9\t.8\t.7\n",
     0.5, 0.01, 0.7, 0.5},
    {"REGENIE",
     "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ INFO N TEST BETA SE CHISQ LOG10P EXTRA\n"
     "1 100 rs1 G A 0.3 1 99 ADD 0.5 0.1 1 2 NA\n",
     0.5, 0.1, 0.01, 0.3},
    {"METAL",
     "MarkerName\tAllele1\tAllele2\tFreq1\tEffect\tStdErr\tP-value\tCHR\tPOS\nrs1\ta\tg\t0.3\t0.5\t0.1\t0.2\t1\t100\n",
     0.5, 0.1, 0.2, 0.3},
    {"GWAS-SSF",
     "chromosome\tbase_pair_location\teffect_allele\tother_allele\tbeta\tstandard_error\teffect_allele_frequency\t"
     "p_value\trsid\n1\t100\tA\tG\t0.5\t0.1\t0.3\t0.04\trs1\n",
     0.5, 0.1, 0.04, 0.3},
    {"GWAS-SSF with -log10 p",
     "chromosome\tbase_pair_location\teffect_allele\tother_allele\todds_ratio\tneg_log_10_p_value\trsid\n"
     "1\t100\tA\tG\t2\t3\trs1\n",
     M_LN2, NAN, 1e-3, NAN},
    {"LDpred", "chrom pos ref alt reffrq info rs pval effalt\n1 100 G A 0.9 1 rs1 0.5 0.25\n", 0.25, NAN, 0.5, 0.1},
    {"commas", "rsid,chr_name,chr_position,effect_allele,other_allele,effect_weight,se,p\nrs1,1,100,A,G,0.5,.1,0.5\n",
     0.5, 0.1, 0.5, NAN},
    {"p from beta and se", "SNP CHR BP A1 A2 BETA SE\nrs1 1 100 A G 1.959963985 1\n", 1.959963985, 1, 0.05, NAN},
};

START_TEST(every_usual_program_is_understood)
{
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        seen s;
        (void)read_text(shape[i].text, NULL, &s);
        ck_assert_msg(s.n == 1, "%s: %d rows", shape[i].program, s.n);
        ck_assert_str_eq(s.row[0].id, "rs1");
        ck_assert_str_eq(s.row[0].chrom, "1");
        ck_assert_int_eq(s.row[0].pos, 100);
        ck_assert_str_eq(s.row[0].a1, "A");
        ck_assert_str_eq(s.row[0].a2, "G");
        const double got[] = {s.row[0].beta, s.row[0].se, s.row[0].p, s.row[0].freq},
                     want[] = {shape[i].beta, shape[i].se, shape[i].p, shape[i].freq};
        for (int k = 0; k < 4; k++)
            ck_assert_msg(isnan(want[k]) ? isnan(got[k]) : fabs(got[k] - want[k]) < 1e-9,
                          "%s: number %d is %g, want %g", shape[i].program, k, got[k], want[k]);
    }
}
END_TEST

START_TEST(impossible_values_are_counted_by_reason)
{
    seen s;
    const sg_sum_report r = read_text("SNP CHR BP A1 A2 OR SE P FRQ\n"
                                      "rs1 1 1 A G 1 1 0 0.5\n"        /* kept at the floor */
                                      "rs2 1 1 A G 1 1 1e-400 7\n"     /* kept at the floor, frequency unknown */
                                      "rs3 1 1 A G 1 1 nan 0.5\n"      /* p */
                                      "rs4 1 1 A G 1 1 1.5 0.5\n"      /* p */
                                      "rs5 1 1 A G 1 1 -1 0.5\n"       /* p */
                                      "rs6 1 1 A G 0 1 0.5 0.5\n"      /* odds ratio */
                                      "rs7 1 1 A G -2 1 0.5 0.5\n"     /* odds ratio */
                                      "rs8 1 1 A G NA 1 0.5 0.5\n"     /* effect */
                                      "rs9 1 1 A G 1 0 0.5 0.5\n"      /* se */
                                      "rs10 1 1 A A 1 1 0.5 0.5\n"     /* same alleles */
                                      "rs11 1 1 A <DEL> 1 1 0.5 0.5\n" /* alleles */
                                      "rs12 1 x A G 1 1 0.5 0.5\n"     /* position */
                                      "NA NA NA A G 1 1 0.5 0.5\n"     /* name */
                                      "rs13 1 1e6 a c 1 NA 1 NA\n",    /* kept */
                                      NULL, &s);
    ck_assert_int_eq(r.n_row, 14);
    ck_assert_int_eq(r.n_kept, 3);
    ck_assert_int_eq(s.n, 3);
    ck_assert_double_eq(s.row[0].p, DBL_TRUE_MIN);
    ck_assert_double_eq(s.row[1].p, DBL_TRUE_MIN);
    ck_assert(isnan(s.row[1].freq));
    ck_assert_int_eq(r.n_p_floor, 2);
    ck_assert_int_eq(r.n_bad_freq, 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_P_MISSING], 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_P_RANGE], 2);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_OR], 2);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_EFFECT], 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_SE], 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_SAME_ALLELES], 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_ALLELES], 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_POSITION], 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_NO_NAME], 1);
    ck_assert_int_eq(s.row[2].pos, 1000000);
    ck_assert_str_eq(s.row[2].a1, "A");
    ck_assert_str_eq(r.column[SG_SUM_FREQ], "FRQ");
    ck_assert_str_eq(r.column[SG_SUM_BETA], "");
}
END_TEST

START_TEST(p_below_the_smallest_double_keeps_its_rank)
{
    seen s;
    sg_sum_report r = read_text(
        "SNP A1 BETA SE P\nrs1 A 1 NA 1e-400\nrs2 A 1 NA 2.5E-0401\nrs3 A 1 NA 0\nrs4 A 50 1 0.0\n", NULL, &s);
    ck_assert_int_eq(r.n_p_floor, 4);
    ck_assert_double_eq_tol(s.row[0].mlog10p, 400, 1e-9);
    ck_assert_double_eq_tol(s.row[1].mlog10p, 401 - log10(2.5), 1e-9);
    ck_assert(isinf(s.row[2].mlog10p));
    ck_assert_double_eq_tol(s.row[3].mlog10p, 544.665305866, 1e-6); /* mpmath: -log10 erfc(50 / sqrt 2) */
    r = read_text("SNP A1 BETA SE LOG10P\nrs1 A 1 1 400.5\nrs2 A 1 1 3\nrs3 A 1 1 -1\nrs4 A 1 1 NA\n", NULL, &s);
    ck_assert_int_eq(r.n_p_floor, 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_P_RANGE], 1);
    ck_assert_int_eq(r.n_drop[SG_SUM_DROP_P_MISSING], 1);
    ck_assert_double_eq(s.row[0].p, DBL_TRUE_MIN);
    ck_assert_double_eq(s.row[0].mlog10p, 400.5);
    ck_assert_double_eq(s.row[1].mlog10p, 3);
    /* From beta and se; both sides of where the series takes over. */
    (void)read_text("SNP A1 BETA SE\nrs1 A 29.999 1\nrs2 A 30.001 1\nrs3 A 1.959963985 1\n", NULL, &s);
    ck_assert_double_eq_tol(s.row[1].mlog10p - s.row[0].mlog10p, 0.002 * 30.0332 * M_LOG10E, 1e-4);
    ck_assert_double_eq_tol(s.row[2].mlog10p, -log10(0.05), 1e-6);
}
END_TEST

START_TEST(a_place_written_as_an_id_is_a_place)
{
    seen s;
    (void)read_text("SNP A1 BETA P\nchr1:100:A:G A 1 0.1\n2_200_A_G A 1 0.1\nrs1 A 1 .1\n1:x A 1 .1\n", NULL, &s);
    ck_assert_int_eq(s.n, 4);
    ck_assert_str_eq(s.row[0].chrom, "chr1");
    ck_assert_int_eq(s.row[0].pos, 100);
    ck_assert_int_eq(s.row[1].pos, 200);
    ck_assert_int_eq(s.row[2].pos, 0);
    ck_assert_int_eq(s.row[3].pos, 0);
    ck_assert_str_eq(s.row[0].a2, "");
}
END_TEST

START_TEST(columns_can_be_named)
{
    seen s;
    (void)read_text("SNP\tX\tA1\tA2\tBETA\tP\tPADJ\nrs1\trsX\tA\tG\t1\t.5\t.25\n", "id=X,p=PADJ", &s);
    ck_assert_str_eq(s.row[0].id, "rsX");
    ck_assert_double_eq(s.row[0].p, 0.25);
}
END_TEST

static const struct {
    const char *text, *columns;
    sg_status status;
    const char *message;
} bad[] = {
    {"", NULL, SG_FORMAT, "x: no header line"},
    {"## only a comment\n", NULL, SG_FORMAT, "x: no header line"},
    {"A1 A2 BETA P\n", NULL, SG_FORMAT,
     "x: no column for the variant (id, or chrom and pos) found; name it with --col. The header has: A1 A2 BETA P"},
    {"SNP A2 BETA P\n", NULL, SG_FORMAT,
     "x: no column for the effect allele (a1) found; name it with --col. The header has: SNP A2 BETA P"},
    {"SNP A1 P\n", NULL, SG_FORMAT,
     "x: no column for the effect (beta or or) found; name it with --col. The header has: SNP A1 P"},
    {"SNP A1 BETA\n", NULL, SG_FORMAT,
     "x: no column for the p-value (p or log10p; or se, to compute it; a score without: --rank effect) found; name it "
     "with --col. The header has: SNP "
     "A1 BETA"},
    {"F1 SECRET 0 0 1 -9\n", NULL, SG_FORMAT,
     "x: no column for the variant (id, or chrom and pos) found; name it with --col. The header has: no name that is "
     "known"},
    {"SNP A1 BETA P P\n", NULL, SG_FORMAT, "x: two columns called \"P\""},
    {"SNP A1 BETA P\n", "p=Q", SG_MISMATCH, "x has no column \"Q\"; it has: SNP A1 BETA P"},
    {"SNP A1 BETA P\n", "pp=P", SG_LIMIT,
     "--col \"pp=P\", want role=NAME with a role of id, chrom, pos, a1, a2, ref, alt, freq, ref-freq, beta, or, se, p, "
     "log10p, test"},
    {"SNP A1 BETA P\nrs1 A 1\n", NULL, SG_FORMAT, "x line 2: 3 columns, the header has 4"},
    {"SNP A1 BETA P\nrs1 A 1 \x02\n", NULL, SG_FORMAT, "x line 2: byte 9 is a control character (0x02), want text"},
};

START_TEST(what_cannot_be_understood_is_refused_in_words)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sg_err err = {0};
        sg_sum_report rep;
        seen s = {0};
        ck_assert_int_eq(
            sg_sumstats_decode("x", bad[i].text, strlen(bad[i].text), bad[i].columns, on_row, &s, &rep, &err),
            bad[i].status);
        ck_assert_str_eq(err.msg, bad[i].message);
    }
}
END_TEST

static void put_gz(const char *path, const char *text, int times)
{
    gzFile f = gzopen(path, "wb9");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < times; i++)
        ck_assert_int_gt(gzputs(f, text), 0);
    ck_assert_int_eq(gzclose(f), Z_OK);
}

START_TEST(gzip_reads_like_plain_text_and_a_cut_one_is_refused)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_err err = {0};
    sg_sum_report rep;
    seen s = {0};
    unit_dir(dir);
    unit_path(path, dir, "x.gz");
    put_gz(path, "SNP A1 BETA P\nrs1 A 1 0.5\nrs2 C 1 0.25\n", 1);
    ck_ok(sg_sumstats_read(path, NULL, on_row, &s, &rep, &err), err);
    ck_assert_int_eq(s.n, 2);
    size_t n;
    char *whole = get_file(path, &n);
    ck_ok(sg_file_write(path, 0644, whole, n - 9, &err), err);
    free(whole);
    s.n = 0;
    ck_assert_int_eq(sg_sumstats_read(path, NULL, on_row, &s, &rep, &err), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "its gzip data end too early (was it copied whole?)"));
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_gzip_bomb_is_stopped)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_err err = {0};
    sg_sum_report rep;
    seen s = {0};
    unit_dir(dir);
    unit_path(path, dir, "x.gz");
    char *blank = malloc(100001);
    ck_assert_ptr_nonnull(blank);
    memset(blank, ' ', 100000);
    blank[99999] = '\n';
    blank[100000] = '\0';
    put_gz(path, blank, 1000); /* 100 MB of blanks in 0.1 MB */
    free(blank);
    ck_assert_int_eq(sg_sumstats_read(path, NULL, on_row, &s, &rep, &err), SG_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.msg, "expands to more than 200 times its size"));
    ck_assert_int_eq(sg_sumstats_read("/no/such", NULL, on_row, &s, &rep, &err), SG_NOT_FOUND);
    ck_assert_int_eq(sg_sumstats_read(dir, NULL, on_row, &s, &rep, &err), SG_IO);
    unit_dir_remove(dir);
}
END_TEST

static sg_status count_row(void *ctx, const sg_sum_row *r, sg_err *err)
{
    (void)r;
    (void)err;
    ++*(int64_t *)ctx;
    return SG_OK;
}

START_TEST(real_summary_statistics_are_read_whole)
{
    char path[UNIT_PATH];
    sg_err err = {0};
    sg_sum_report rep;
    int64_t n = 0;
    const char *shared = shared_folder();
    if (!shared)
        return;
    (void)snprintf(path, sizeof path, "%s/data/eur22loci/height_ukb_bolt.sumstats.txt.gz", shared);
    ck_ok(sg_sumstats_read(path, NULL, count_row, &n, &rep, &err), err);
    ck_assert_int_eq(n, 82448);
    ck_assert_str_eq(rep.column[SG_SUM_P], "P_BOLT_LMM");
    ck_assert_str_eq(rep.column[SG_SUM_POS], "BP");
}
END_TEST

UNIT_MAIN("sumstats", every_usual_program_is_understood, impossible_values_are_counted_by_reason,
          p_below_the_smallest_double_keeps_its_rank, a_place_written_as_an_id_is_a_place, columns_can_be_named,
          what_cannot_be_understood_is_refused_in_words, gzip_reads_like_plain_text_and_a_cut_one_is_refused,
          a_gzip_bomb_is_stopped, real_summary_statistics_are_read_whole)

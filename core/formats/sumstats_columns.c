/* sumstats_columns.c - which column is which. Names are compared without case and without a leading '#'. */
#include "formats/sumstats_inside.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_N = 20 };

/* In order of preference; the first that the header has wins. BOLT's GENPOS is a genetic position and stands beside BP;
 * REGENIE's is in base pairs and stands alone: hence its place. */
static const char *const usual[SG_N_SUM_ROLE][NAME_MAX_N] = {
    [SG_SUM_ID] = {"SNP", "hm_rsID", "rsid", "rs_id", "MarkerName", "ID", "variant_id", "SNPID", "rs", "snp_id",
                   "rs_number", "variant", "name"},
    [SG_SUM_CHROM] = {"hm_chr", "CHR", "CHROM", "chr_name", "chromosome", "chrom_id"},
    [SG_SUM_POS] = {"hm_pos", "BP", "POS", "base_pair_location", "chr_position", "position", "bp_hg19", "GENPOS"},
    [SG_SUM_A1] = {"A1", "effect_allele", "ALLELE1", "EA", "tested_allele", "coded_allele", "coded.allele", "allele_1"},
    [SG_SUM_A2] = {"A2", "other_allele", "OMITTED", "AX", "ALLELE0", "ALLELE2", "NEA", "OA", "non_effect_allele",
                   "noneffect_allele", "noncoded_allele", "noncoded.allele", "hm_inferOtherAllele"},
    [SG_SUM_REF] = {"REF", "reference_allele", "ref_allele"},
    [SG_SUM_ALT] = {"ALT", "alternate_allele", "alt_allele"},
    [SG_SUM_FREQ] = {"A1_FREQ", "FRQ", "EAF", "A1FREQ", "effect_allele_frequency", "allelefrequency_effect", "Freq1",
                     "FREQ", "freq_a1", "coded.freq", "AF", "eaf_a1", "MAF_A1", "F_U", "FRQ_U", "ALT_FREQS"},
    [SG_SUM_REFFREQ] = {"reffrq", "ref_freq", "other_allele_frequency"},
    [SG_SUM_BETA] = {"BETA", "LOG_OR", "LOG(OR)", "logOR", "Effect", "effect_weight", "effect_size", "coef", "effalt",
                     "B"},
    [SG_SUM_OR] = {"OR", "odds_ratio", "oddsratio", "hazard_ratio"},
    [SG_SUM_SE] = {"SE", "LOG(OR)_SE", "standard_error", "StdErr", "LOG_OR_SE", "STDERROR", "se_beta"},
    [SG_SUM_P] = {"P_BOLT_LMM", "P_BOLT_LMM_INF", "P", "p_value", "P-value", "pvalue", "pval", "P.value", "P_LINREG",
                  "UNADJ"},
    [SG_SUM_LOG10P] = {"LOG10P", "LOG10_P", "NEG_LOG10_P", "neg_log_10_p_value", "neg_log10_p", "MLOG10P"},
    [SG_SUM_TEST] = {"TEST"},
};

const char *sg_sum_role_name(sg_sum_role r)
{
    static const char *const word[] = {
#define X(name, text) text,
        SG_SUM_ROLES(X)
#undef X
    };
    return word[r];
}

/* "##..." always; "# text" and "#text" unless it looks like a header, which has several columns. */
bool sg_sum_is_comment(const char *line)
{
    if (line[0] != '#')
        return false;
    if (line[1] == '#' || line[1] == ' ' || line[1] == '\0')
        return true;
    return !strpbrk(line, " \t,") || strchr(line, '=');
}

/* -1 none; -2 twice. */
static int find(char *const *header, int n, const char *name, size_t len, bool exact)
{
    int found = -1;
    for (int i = 0; i < n; i++) {
        const char *h = header[i][0] == '#' && name[0] != '#' ? header[i] + 1 : header[i];
        if (strlen(h) != len || (exact ? strncmp(h, name, len) : strncasecmp(h, name, len)))
            continue;
        if (found >= 0)
            return -2;
        found = i;
    }
    return found;
}

/* The names of a header, for a message. A line in which no name is known is no header but perhaps a row of people,
 * given by mistake: it is not repeated. */
static void list_header(char *const *header, int n, char *out, size_t size)
{
    size_t used = 0;
    bool known = false;
    for (int r = 0; r < SG_N_SUM_ROLE; r++)
        for (int k = 0; k < NAME_MAX_N && usual[r][k]; k++)
            known |= find(header, n, usual[r][k], strlen(usual[r][k]), false) != -1;
    (void)snprintf(out, size, "%s", known ? "" : "no name that is known");
    for (int i = 0; known && i < n && used + 1 < size; i++) {
        const int w = snprintf(out + used, size - used, "%s%.32s", i ? " " : "", header[i]);
        used = w < 0 ? used : used + (size_t)w;
    }
}

/* "role=NAME,role=NAME". */
static sg_status apply_wanted(const char *name, char *const *header, int n, const char *wanted, columns *c, sg_err *err)
{
    for (const char *s = wanted; s && *s;) {
        const char *comma = strchr(s, ',');
        const char *end = comma ? comma : s + strlen(s);
        const char *eq = memchr(s, '=', (size_t)(end - s));
        int role = SG_N_SUM_ROLE;
        for (int r = 0; eq && r < SG_N_SUM_ROLE; r++) {
            const char *word = sg_sum_role_name((sg_sum_role)r);
            if (strlen(word) == (size_t)(eq - s) && !strncmp(word, s, (size_t)(eq - s)))
                role = r;
        }
        if (role == SG_N_SUM_ROLE)
            return sg_fail(err, SG_LIMIT,
                           "--col \"%.*s\", want role=NAME with a role of id, chrom, pos, a1, a2, ref, alt, freq, "
                           "ref-freq, beta, or, se, p, log10p, test",
                           (int)(end - s < 60 ? end - s : 60), s);
        c->at[role] = find(header, n, eq + 1, (size_t)(end - eq - 1), true);
        if (c->at[role] < 0) {
            char list[300];
            list_header(header, n, list, sizeof list);
            return sg_fail(err, SG_MISMATCH, "%s has %s \"%.*s\"; it has: %s", name,
                           c->at[role] == -1 ? "no column" : "two columns called",
                           (int)(end - eq - 1 < 60 ? end - eq - 1 : 60), eq + 1, list);
        }
        s = comma ? comma + 1 : NULL;
    }
    return SG_OK;
}

static sg_status need(const char *name, char *const *header, int n, const char *what, sg_err *err)
{
    char list[300];
    list_header(header, n, list, sizeof list);
    return sg_fail(err, SG_FORMAT, "%s: no column for %s found; name it with --col. The header has: %s", name, what,
                   list);
}

static sg_status check_needed(const char *name, char *const *header, int n, const columns *c, sg_err *err)
{
    if (c->at[SG_SUM_ID] < 0 && (c->at[SG_SUM_CHROM] < 0 || c->at[SG_SUM_POS] < 0))
        return need(name, header, n, "the variant (id, or chrom and pos)", err);
    if (c->at[SG_SUM_A1] < 0 && c->at[SG_SUM_ALT] < 0)
        return need(name, header, n, "the effect allele (a1)", err);
    if (c->at[SG_SUM_BETA] < 0 && c->at[SG_SUM_OR] < 0)
        return need(name, header, n, "the effect (beta or or)", err);
    if (!c->weights && c->at[SG_SUM_P] < 0 && c->at[SG_SUM_LOG10P] < 0 && c->at[SG_SUM_SE] < 0)
        return need(name, header, n, "the p-value (p or log10p; or se, to compute it; a score without: --rank effect)",
                    err);
    return SG_OK;
}

sg_status sg_sum_columns_find(const char *name, char *const *header, int n, const char *wanted, columns *c,
                              sg_sum_report *rep, sg_err *err)
{
    c->n = n;
    for (int r = 0; r < SG_N_SUM_ROLE; r++)
        c->at[r] = -1;
    if (n > COLUMN_MAX)
        return sg_fail(err, SG_LIMIT, "%s: %d columns, at most %d are read", name, n, COLUMN_MAX);
    SG_TRY(apply_wanted(name, header, n, wanted, c, err));
    for (int r = 0; r < SG_N_SUM_ROLE; r++)
        for (int k = 0; k < NAME_MAX_N && usual[r][k] && c->at[r] == -1; k++) {
            c->at[r] = find(header, n, usual[r][k], strlen(usual[r][k]), false);
            if (c->at[r] == -2)
                return sg_fail(err, SG_FORMAT, "%s: two columns called \"%s\"", name, usual[r][k]);
        }
    SG_TRY(check_needed(name, header, n, c, err));
    for (int r = 0; r < SG_N_SUM_ROLE; r++)
        if (c->at[r] >= 0)
            (void)snprintf(rep->column[r], sizeof rep->column[r], "%.47s", header[c->at[r]]);
    return SG_OK;
}

/* prepare.c - the steps of a preparation, in order; see prepare.h.
 *
 * People are decided first (lists, sex, phenotype), then variants (lists, alleles, summary statistics), then both by
 * counting the genotypes once as they stream by (twice when --mind removes people). Only the chosen SNPs are ever held
 * in memory. */
#include "panel/prepare.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/text.h"
#include "formats/chrom.h"
#include "panel/dataset.h"
#include "panel/prepare_inside.h"
#include "panel/qc.h"
#include "panel/region.h"
#include "panel/strata.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX ((size_t)4 << 30)
enum { MINOR_MIN = 3, TOP_MAX = 65536 };

typedef struct work {
    const sg_prepare_options *o;
    const sg_run *run;
    sg_arena *a;
    sg_prepare_report *rep;
    sg_source source;
    sg_fam fam; /* source.fam */
    sg_index people;
    uint8_t *keep, *control; /* [fam.n] */
    int64_t *family;         /* [fam.n] number of each person's family */
    int8_t *label;           /* [fam.n] */
    sg_bim bim;              /* source.bim */
    sg_matches match;
    int64_t n_open;
    int64_t *open;      /* variants still in, in genome order */
    sg_qc_count *count; /* [n_open at counting] */
    double *freq;       /* [bim.n] of A1 among the kept; set where counted */
} work;

sg_prepare_options sg_prepare_default(void)
{
    return (sg_prepare_options){.trait = "trait",
                                .top = 2048,
                                .clump = {.p1 = 1e-4, .p2 = NAN, .r2 = 0.5, .kb = 250},
                                .maf = 0.0,
                                .geno = 0.1,
                                .mind = 0.1,
                                .hwe = 1e-6,
                                .prevalence = NAN,
                                .split = {.test = 0.1, .val = 0.2, .audit = NAN, .seed = 1}};
}

/* ---- options ---- */

static sg_status share(const char *name, double x, sg_err *err)
{
    return x >= 0 && x <= 1 ? SG_OK : sg_fail(err, SG_LIMIT, "--%s is %g, want 0 to 1", name, x);
}

/* Names end up in JSON, file names and web pages. */
static sg_status plain_name(const char *what, const char *s, size_t max, sg_err *err)
{
    if (!*s || strlen(s) >= max)
        return sg_fail(err, SG_LIMIT, "%s \"%.80s\", want 1 to %zu characters", what, s, max - 1);
    for (const char *p = s; *p; p++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._- ", *p))
            return sg_fail(err, SG_LIMIT, "%s \"%.80s\", want letters, digits, '.', '_', '-' or blanks", what, s);
    return SG_OK;
}

static sg_status label_names(work *w, sg_err *err)
{
    char text[2 * SG_LABEL_NAME + 2];
    const char *names = w->o->label_names, *word = w->o->pheno_options.case_label;
    int n;
    if (names)
        n = snprintf(text, sizeof text, "%s", names);
    else if (word)
        n = snprintf(text, sizeof text, "not %s,%s", word, word);
    else
        n = snprintf(text, sizeof text, "control,case");
    char *comma = strchr(text, ',');
    if (n >= (int)sizeof text || !comma || strchr(comma + 1, ','))
        return sg_fail(err, SG_LIMIT, "label names \"%.80s\", want two with a comma between, control first",
                       names ? names : word);
    *comma = '\0';
    const char *const part[2] = {text, comma + 1};
    for (int i = 0; i < 2; i++) {
        SG_TRY(plain_name("label name", part[i], SG_LABEL_NAME, err));
        memcpy(w->rep->label_name[i], part[i], strlen(part[i]) + 1);
    }
    return SG_OK;
}

static sg_status check_options(work *w, sg_err *err)
{
    const sg_prepare_options *o = w->o;
    SG_TRY(share("maf", o->maf, err));
    SG_TRY(share("geno", o->geno, err));
    SG_TRY(share("mind", o->mind, err));
    SG_TRY(share("hwe", o->hwe, err));
    if (o->strata < 0 || o->strata > SG_STRATA_MAX)
        return sg_fail(err, SG_LIMIT, "--strata is %lld, want 0 to %d", (long long)o->strata, SG_STRATA_MAX);
    if (o->rank == SG_RANK_EFFECT && o->clump.on)
        return sg_fail(err, SG_LIMIT, "--rank effect reads no p to clump by; --min-distance keeps SNPs apart");
    if (!o->bfile == !o->vcf)
        return sg_fail(err, SG_LIMIT, "want one of --bfile and --vcf");
    if (o->vcf && !o->pheno)
        return sg_fail(err, SG_LIMIT, "--vcf needs --pheno: a VCF has no phenotypes");
    if (o->vcf && o->sex_only)
        return sg_fail(err, SG_LIMIT, "--sex-only needs --bfile: a VCF does not say who is male or female");
    SG_TRY(share("clump-p1", o->clump.p1, err));
    if (!isnan(o->clump.p2) && !(o->clump.p2 >= o->clump.p1 && o->clump.p2 <= 1))
        return sg_fail(err, SG_LIMIT, "--clump-p2 is %g, want --clump-p1, %g, to 1", o->clump.p2, o->clump.p1);
    SG_TRY(share("clump-r2", o->clump.r2, err));
    if (!(o->clump.kb >= 0 && o->clump.kb <= 1e6))
        return sg_fail(err, SG_LIMIT, "--clump-kb is %g, want 0 to 1e6", o->clump.kb);
    if (o->clump.distance < 0)
        return sg_fail(err, SG_LIMIT, "--min-distance is %lld, want 0 or more bases", (long long)o->clump.distance);
    if (o->top < 1 || o->top > TOP_MAX)
        return sg_fail(err, SG_LIMIT, "--top is %lld, want 1 to %d", (long long)o->top, TOP_MAX);
    if (!isnan(o->prevalence) && !(o->prevalence > 0 && o->prevalence < 1))
        return sg_fail(err, SG_LIMIT, "--prevalence is %g, want above 0 and below 1", o->prevalence);
    if (o->sex_only && strcmp(o->sex_only, "male") != 0 && strcmp(o->sex_only, "female") != 0)
        return sg_fail(err, SG_LIMIT, "--sex-only is \"%.40s\", want male or female", o->sex_only);
    if (sg_file_exists(o->out))
        return sg_fail(err, SG_STATE, "%s exists already; choose another --out or remove it", o->out);
    SG_TRY(plain_name("trait", o->trait, sizeof((sg_dataset *)0)->trait, err));
    return label_names(w, err);
}

/* ---- people ---- */

static sg_status apply_list(work *w, const char *path, bool keep, sg_err *err)
{
    if (!path)
        return SG_OK;
    const size_t mark = sg_arena_mark(w->a);
    int64_t unknown;
    uint8_t *in = SG_NEW(w->a, uint8_t, w->fam.n);
    if (!in)
        return sg_arena_full(w->a, path, err);
    SG_TRY(sg_people_list_load(path, &w->people, in, &unknown, w->a, err));
    for (int64_t s = 0; s < w->fam.n; s++)
        if (w->keep[s] && (in[s] != 0) != keep) {
            w->keep[s] = 0;
            w->rep->n_listed++;
        }
    if (unknown)
        sg_log(SG_LOG_WARN, "%s: %lld people of this list are not in the .fam", path, (long long)unknown);
    sg_arena_rewind(w->a, mark);
    return SG_OK;
}

static sg_status check_classes(work *w, sg_err *err)
{
    int64_t n[2] = {0};
    for (int64_t s = 0; s < w->fam.n; s++)
        if (w->keep[s])
            n[w->label[s]]++;
    w->rep->n_people = n[0] + n[1];
    if (n[0] && n[1])
        return SG_OK;
    const sg_prepare_report *r = w->rep;
    return sg_fail(
        err, SG_DEGENERATE,
        "the phenotype has one class: %lld controls and %lld cases are left of %lld people (%lld left out by "
        "lists, %lld by sex, %lld without a phenotype, %lld with too many missing genotypes, %lld "
        "duplicates)",
        (long long)n[0], (long long)n[1], (long long)r->n_fam, (long long)r->n_listed, (long long)r->n_sex,
        (long long)r->n_no_label, (long long)r->n_mind, (long long)r->kin.n_duplicate);
}

static void mark_controls(work *w)
{
    for (int64_t s = 0; s < w->fam.n; s++)
        w->control[s] = w->keep[s] && w->label[s] == 0;
}

static sg_status choose_people(work *w, sg_err *err)
{
    const sg_prepare_options *o = w->o;
    sg_pheno ph;
    SG_TRY(o->vcf ? sg_source_open_vcf(o->vcf, w->run, w->a, &w->source, err)
                  : sg_source_open(o->bfile, w->run, w->a, &w->source, err));
    w->fam = w->source.fam;
    w->bim = w->source.bim;
    w->rep->n_file = w->source.n_file;
    memcpy(w->rep->absent, w->source.absent, sizeof w->rep->absent);
    const char *fam_path = w->source.file[0].people;
    SG_TRY(sg_fam_index(fam_path, &w->fam, w->a, &w->people, err));
    w->rep->n_fam = w->fam.n;
    if (o->pheno)
        SG_TRY(sg_pheno_load(o->pheno, &o->pheno_options, &w->fam, &w->people, w->a, &ph, err));
    else
        SG_TRY(sg_pheno_from_fam(fam_path, &o->pheno_options, &w->fam, w->a, &ph, err));
    w->label = ph.label;
    w->rep->n_pheno_unknown = ph.n_unknown;
    w->rep->threshold = ph.threshold;
    w->keep = SG_NEW(w->a, uint8_t, w->fam.n);
    w->control = SG_NEW(w->a, uint8_t, w->fam.n);
    if (!w->keep || !w->control)
        return sg_arena_full(w->a, "people", err);
    if (w->fam.n)
        memset(w->keep, 1, (size_t)w->fam.n);
    SG_TRY(apply_list(w, o->keep, true, err));
    SG_TRY(apply_list(w, o->remove, false, err));
    const int sex = !o->sex_only ? 0 : !strcmp(o->sex_only, "male") ? 1 : 2;
    for (int64_t s = 0; s < w->fam.n; s++) {
        if (w->keep[s] && sex && w->fam.row[s].sex != sex) {
            w->keep[s] = 0;
            w->rep->n_sex++;
        } else if (w->keep[s] && w->label[s] == SG_PHENO_MISSING) {
            w->keep[s] = 0;
            w->rep->n_no_label++;
        }
    }
    mark_controls(w);
    return check_classes(w, err);
}

/* ---- variants ---- */

/* listed [bim.n] = 1 for what a list of IDs leaves out. */
static sg_status variant_list(work *w, const char *path, bool extract, const sg_index *ids, const int64_t *next,
                              uint8_t *listed, sg_err *err)
{
    if (!path)
        return SG_OK;
    char *data, *line, *f[1];
    size_t n;
    sg_text t;
    uint8_t *in = SG_NEW(w->a, uint8_t, w->bim.n);
    if (!in)
        return sg_arena_full(w->a, path, err);
    SG_TRY(sg_text_load(path, LIST_BYTES_MAX, w->a, &data, &n, err));
    SG_TRY(sg_text_begin(&t, path, data, n, err));
    for (;;) {
        SG_TRY(sg_text_next(&t, &line, err));
        if (!line)
            break;
        if (sg_text_split(line, 0, f, 1) == 0)
            continue;
        for (int64_t v = sg_index_find(ids, f[0], ""); v >= 0; v = next[v])
            in[v] = 1;
    }
    for (int64_t v = 0; v < w->bim.n; v++)
        listed[v] |= (in[v] != 0) != extract;
    return SG_OK;
}

/* NULL when there are no lists. next [bim.n] chains rows of one ID, so that a list speaks of all of them. */
static sg_status apply_variant_lists(work *w, uint8_t **out, sg_err *err)
{
    *out = NULL;
    if (!w->o->extract && !w->o->exclude)
        return SG_OK;
    uint8_t *listed = SG_NEW(w->a, uint8_t, w->bim.n);
    const size_t mark = sg_arena_mark(w->a);
    int64_t *next = SG_NEW_RAW(w->a, int64_t, w->bim.n), *last = SG_NEW_RAW(w->a, int64_t, w->bim.n);
    sg_index ids;
    if (!listed || !next || !last)
        return sg_arena_full(w->a, "variant lists", err);
    SG_TRY(sg_index_new(w->bim.n, w->a, &ids, err));
    for (int64_t v = 0; v < w->bim.n; v++) {
        next[v] = -1;
        const int64_t first = sg_index_add(&ids, w->bim.row[v].id, "", v);
        if (first >= 0)
            next[last[first]] = v;
        last[first >= 0 ? first : v] = v;
    }
    SG_TRY(variant_list(w, w->o->extract, true, &ids, next, listed, err));
    SG_TRY(variant_list(w, w->o->exclude, false, &ids, next, listed, err));
    sg_arena_rewind(w->a, mark);
    *out = listed;
    return SG_OK;
}

/* Rebuilds the list of variants that are still in. */
static void collect_open(work *w)
{
    w->n_open = 0;
    for (int64_t i = 0; i < w->bim.n; i++)
        if (w->match.fate[w->match.order[i]] == SG_FATE_OPEN)
            w->open[w->n_open++] = w->match.order[i];
}

static void count_fates(work *w)
{
    sg_prepare_report *r = w->rep;
    memset(r->n_fate, 0, sizeof r->n_fate);
    for (int64_t v = 0; v < w->bim.n; v++)
        r->n_fate[w->match.fate[v]]++;
    r->n_by_id = w->match.n_by_id;
    r->n_by_place = w->match.n_by_place;
    r->n_of_several = w->match.n_of_several;
    r->n_repeat = w->match.n_repeat;
    r->n_place_same = w->match.n_place_same;
    r->n_place_differ = w->match.n_place_differ;
    r->place_refused = w->match.place_refused;
}

/* The variants inside any of the regions, or with `inside` false outside all of them, are left out. */
static sg_status apply_regions(work *w, const char *text, bool inside, uint8_t *outside, sg_err *err)
{
    sg_region region[SG_REGION_MAX];
    int n;
    SG_TRY(sg_regions_parse(text, inside ? "exclude-region" : "region", region, &n, err));
    for (int64_t v = 0; v < w->bim.n; v++)
        if (sg_regions_hold(region, n, w->bim.row[v].chrom, w->bim.row[v].pos) == inside)
            outside[v] = 1;
    return SG_OK;
}

/* Over every autosomal variant with two alleles, whatever the summary statistics know. */
static sg_status find_relatives(work *w, sg_err *err)
{
    w->family = SG_NEW_RAW(w->a, int64_t, w->fam.n);
    const size_t mark = sg_arena_mark(w->a);
    int64_t *want = SG_NEW_RAW(w->a, int64_t, w->bim.n), n = 0;
    if (!w->family || !want)
        return sg_arena_full(w->a, "markers for kinship", err);
    for (int64_t v = 0; v < w->bim.n; v++) {
        const sg_fate f = (sg_fate)w->match.fate[v];
        if (f != SG_FATE_UNPLACED && f != SG_FATE_HAPLOID && f != SG_FATE_ALLELES && f != SG_FATE_SHARED)
            want[n++] = v;
    }
    sg_relatives_options o = w->o->relatives;
    o.seed = w->o->split.seed;
    SG_TRY(sg_relatives(&w->source, want, n, &o, w->run, w->a, w->keep, w->family, &w->rep->kin, err));
    sg_arena_rewind(w->a, mark);
    if (!o.ignore && isnan(w->rep->kin.cutoff) && w->rep->kin.n_marker > 0)
        sg_log(SG_LOG_WARN, "%lld markers cannot tell relatives from strangers: the split does not heed families",
               (long long)w->rep->kin.n_marker);
    if (!w->rep->kin.n_duplicate)
        return SG_OK;
    mark_controls(w);
    return check_classes(w, err);
}

static sg_status match_variants(work *w, sg_err *err)
{
    uint8_t *listed, *outside = NULL;
    w->rep->n_bim = w->bim.n;
    SG_TRY(apply_variant_lists(w, &listed, err));
    if ((w->o->regions || w->o->no_regions) && !(outside = SG_NEW(w->a, uint8_t, w->bim.n)))
        return sg_arena_full(w->a, "regions", err);
    if (w->o->regions)
        SG_TRY(apply_regions(w, w->o->regions, false, outside, err));
    if (w->o->no_regions)
        SG_TRY(apply_regions(w, w->o->no_regions, true, outside, err));
    SG_TRY(sg_match_begin(&w->bim, listed, outside, w->a, &w->match, err));
    w->open = SG_NEW_RAW(w->a, int64_t, w->bim.n);
    w->freq = SG_NEW(w->a, double, w->bim.n);
    if (!w->open || !w->freq)
        return sg_arena_full(w->a, "variants", err);
    SG_TRY(sg_match_read(w->o->sumstats, w->o->columns, w->o->rank == SG_RANK_EFFECT, &w->source, &w->match, w->a,
                         &w->rep->sum, err));
    count_fates(w);
    collect_open(w);
    if (w->match.place_refused)
        sg_log(SG_LOG_WARN,
               "%lld of %lld variants matched by ID lie at another position: another genome build? Only IDs were used",
               (long long)w->match.n_place_differ, (long long)(w->match.n_place_differ + w->match.n_place_same));
    return w->n_open ? SG_OK : sg_prepare_nothing_left(w->rep, err);
}

/* ---- genotypes ---- */

static sg_status count_genotypes(work *w, int64_t *missing, sg_err *err)
{
    return sg_qc_count_variants(&w->source, w->open, w->n_open, w->keep, w->control, w->run, w->a, w->count, missing,
                                err);
}

/* People first, as PLINK does: a person with many missing genotypes should not cost variants. */
static sg_status count_and_drop_people(work *w, sg_err *err)
{
    int64_t *missing = SG_NEW(w->a, int64_t, w->fam.n);
    w->count = SG_NEW(w->a, sg_qc_count, w->n_open);
    if (!missing || !w->count)
        return sg_arena_full(w->a, "genotype counts", err);
    SG_TRY(count_genotypes(w, missing, err));
    for (int64_t s = 0; s < w->fam.n; s++)
        if (w->keep[s] && (double)missing[s] > w->o->mind * (double)w->n_open) {
            w->keep[s] = 0;
            w->rep->n_mind++;
        }
    if (!w->rep->n_mind)
        return SG_OK;
    mark_controls(w);
    SG_TRY(check_classes(w, err));
    return count_genotypes(w, NULL, err);
}

/* Duplicates go before frequencies are taken. */
static sg_status relatives_and_counts(work *w, sg_err *err)
{
    SG_TRY(find_relatives(w, err));
    return w->rep->kin.n_duplicate ? count_genotypes(w, NULL, err) : SG_OK;
}

static sg_fate judge(const work *w, int64_t v, const sg_qc_count *c, sg_match *m)
{
    const sg_prepare_options *o = w->o;
    const int64_t people = w->rep->n_people, copies = c->all[1] + 2 * c->all[2];
    const int64_t all = 2 * (people - c->all[SG_MISSING]), minor = copies < all - copies ? copies : all - copies;
    if ((double)c->all[SG_MISSING] > o->geno * (double)people || all == 0)
        return SG_FATE_MISSING;
    if (minor < MINOR_MIN)
        return SG_FATE_RARE;
    if ((double)minor < o->maf * (double)all)
        return SG_FATE_MAF;
    if (o->hwe > 0 && sg_chrom_rank(w->bim.row[v].chrom) < SG_CHROM_X &&
        sg_qc_hwe(c->control[0], c->control[1], c->control[2]) < o->hwe)
        return SG_FATE_HWE;
    return sg_align_settle((sg_align)m->align, w->freq[v], m->freq) == SG_ALIGN_NONE ? SG_FATE_STRAND : SG_FATE_OPEN;
}

static sg_status drop_variants(work *w, sg_err *err)
{
    for (int64_t i = 0; i < w->n_open; i++) {
        const int64_t v = w->open[i];
        w->freq[v] = sg_qc_freq(w->count[i].all);
        w->match.fate[v] = (uint8_t)judge(w, v, &w->count[i], &w->match.of[v]);
    }
    count_fates(w);
    collect_open(w);
    return w->n_open ? SG_OK : sg_prepare_nothing_left(w->rep, err);
}

typedef struct rank {
    const sg_match *m;
    double explained; /* 0 when p decides */
    int64_t at;       /* index in open: genome order */
} rank;

static int by_p(const void *a, const void *b)
{
    const rank *x = a, *y = b;
    if (x->explained != y->explained)
        return x->explained > y->explained ? -1 : 1;
    if (sg_match_before(x->m, y->m) || sg_match_before(y->m, x->m))
        return sg_match_before(x->m, y->m) ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static sg_fate fate_of(sg_clump_fate f)
{
    static const sg_fate fate[] = {[SG_CLUMP_INDEX] = SG_FATE_OPEN,
                                   [SG_CLUMP_LINKED] = SG_FATE_CLUMPED,
                                   [SG_CLUMP_NEAR] = SG_FATE_NEAR,
                                   [SG_CLUMP_P] = SG_FATE_CLUMP_P,
                                   [SG_CLUMP_REST] = SG_FATE_NOT_TOP};
    return fate[f];
}

/* r [n_open] in order of p: their fates after clumping. */
static sg_status clump(work *w, const rank *r, sg_err *err)
{
    const int64_t n = w->n_open;
    int64_t *variant = SG_NEW_RAW(w->a, int64_t, n);
    double *p = SG_NEW_RAW(w->a, double, n);
    uint8_t *fate = SG_NEW_RAW(w->a, uint8_t, n);
    if (!variant || !p || !fate)
        return sg_arena_full(w->a, "clumping", err);
    for (int64_t i = 0; i < n; i++) {
        variant[i] = w->open[r[i].at];
        p[i] = r[i].m->p;
    }
    SG_TRY(sg_clump(&w->source, &w->o->clump, variant, p, n, w->keep, w->o->top, w->run, w->a, fate, err));
    for (int64_t i = 0; i < n; i++)
        w->match.fate[variant[i]] = (uint8_t)fate_of((sg_clump_fate)fate[i]);
    return SG_OK;
}

static double explained(const work *w, int64_t v)
{
    const double f = w->freq[v], beta = w->match.of[v].beta;
    return w->o->rank == SG_RANK_EFFECT ? 2 * f * (1 - f) * beta * beta : 0;
}

/* The smallest p (or the largest effects), of linked or close ones the first when that is asked for. */
static sg_status choose_top(work *w, sg_err *err)
{
    w->rep->top_wanted = w->o->top;
    const bool clumped = w->o->clump.on || w->o->clump.distance > 0;
    const size_t mark = sg_arena_mark(w->a);
    rank *r = SG_NEW_RAW(w->a, rank, w->n_open);
    if (!r)
        return sg_arena_full(w->a, "ranks", err);
    for (int64_t i = 0; i < w->n_open; i++)
        r[i] = (rank){&w->match.of[w->open[i]], explained(w, w->open[i]), i};
    qsort(r, (size_t)w->n_open, sizeof *r, by_p);
    if (clumped)
        SG_TRY(clump(w, r, err));
    for (int64_t i = w->o->top; !clumped && i < w->n_open; i++)
        w->match.fate[w->open[r[i].at]] = SG_FATE_NOT_TOP;
    sg_arena_rewind(w->a, mark);
    count_fates(w);
    collect_open(w);
    if (w->n_open == 0)
        return sg_prepare_nothing_left(w->rep, err);
    if (w->n_open < w->o->top)
        sg_log(SG_LOG_WARN, "--top asks for %lld SNPs, %lld are left: all of them are used", (long long)w->o->top,
               (long long)w->n_open);
    return SG_OK;
}

/* ---- the dataset ---- */

static sg_status make_panel(work *w, sg_dataset *ds, sg_err *err)
{
    sg_snp *snp = SG_NEW(w->a, sg_snp, w->n_open);
    if (!snp)
        return sg_arena_full(w->a, "the panel", err);
    for (int64_t i = 0; i < w->n_open; i++) {
        const int64_t v = w->open[i];
        const sg_bim_row *b = &w->bim.row[v];
        const sg_match *m = &w->match.of[v];
        const sg_align how = sg_align_settle((sg_align)m->align, w->freq[v], m->freq);
        w->rep->n_align[m->align]++;
        snp[i] = (sg_snp){b->chrom,   b->id,
                          b->cm,      b->pos,
                          b->a1,      b->a2,
                          w->freq[v], sg_align_turned(how) ? -m->beta : m->beta,
                          m->se,      w->o->rank == SG_RANK_EFFECT ? NAN : m->p};
    }
    ds->panel = (sg_panel){.n_snp = w->n_open, .snp = snp};
    return SG_OK;
}

/* ds->people, labels and IDs of the people kept. person [n_people]: row of the .fam. */
static sg_status make_people(work *w, sg_dataset *ds, int64_t *person, const char *(*id)[2], sg_err *err)
{
    int64_t n = 0;
    SG_TRY(sg_people_new(w->rep->n_people, w->n_open, w->a, &ds->people, err));
    const size_t mark = sg_arena_mark(w->a);
    int64_t *where = SG_NEW_RAW(w->a, int64_t, w->fam.n);
    if (!where)
        return sg_arena_full(w->a, "the people kept", err);
    for (int64_t s = 0; s < w->fam.n; s++) {
        where[s] = w->keep[s] ? n : -1;
        if (!w->keep[s])
            continue;
        person[n] = s;
        id[n][0] = w->fam.row[s].fid;
        id[n][1] = w->fam.row[s].iid;
        ds->label[n] = w->label[s];
        n++;
    }
    assert(n == w->rep->n_people);
    *w->source.calls = (sg_source_calls){0}; /* counting has read them before */
    SG_TRY(sg_source_people(&w->source, w->open, w->n_open, where, w->run, w->a, &ds->people, err));
    w->rep->calls = *w->source.calls;
    sg_arena_rewind(w->a, mark);
    w->rep->n_imputed = sg_impute_people(w->o->impute, w->o->split.seed, person, w->open, &ds->people);
    return SG_OK;
}

/* "bed", or with one file per chromosome "bed chr7". */
static sg_status source_json(const work *w, const sg_source_file *f, json_t *in, sg_err *err)
{
    const struct {
        const char *role, *path;
    } part[] = {{"bed", f->path}, {"bim", f->table}, {"fam", f->people}, {"vcf", f->path}};
    for (int i = w->source.vcf ? 3 : 0; i < (w->source.vcf ? 4 : 3); i++) {
        char role[80];
        const char *slash = strrchr(f->path, '/');
        if (w->source.n_file == 1)
            (void)snprintf(role, sizeof role, "%s", part[i].role);
        else
            (void)snprintf(role, sizeof role, "%s %.70s", part[i].role, slash ? slash + 1 : f->path);
        SG_TRY(sg_prepare_about_input(in, role, part[i].path, err));
    }
    return SG_OK;
}

static sg_status inputs_json(const work *w, json_t *about, sg_err *err)
{
    json_t *in = json_object();
    if (!in || json_object_set_new(about, "inputs", in))
        return sg_fail(err, SG_NOMEM, "no memory for prepare.json");
    for (int k = 0; k < w->source.n_file; k++)
        SG_TRY(source_json(w, &w->source.file[k], in, err));
    SG_TRY(sg_prepare_about_input(in, "pheno", w->o->pheno, err));
    SG_TRY(sg_prepare_about_input(in, "sumstats", w->o->sumstats, err));
    SG_TRY(sg_prepare_about_input(in, "keep", w->o->keep, err));
    SG_TRY(sg_prepare_about_input(in, "remove", w->o->remove, err));
    SG_TRY(sg_prepare_about_input(in, "extract", w->o->extract, err));
    return sg_prepare_about_input(in, "exclude", w->o->exclude, err);
}

static sg_status save(const work *w, sg_dataset *ds, const char *const (*id)[2], sg_buf *json, sg_err *err)
{
    json_t *about = sg_prepare_about(w->o, w->rep);
    if (!about)
        return sg_fail(err, SG_NOMEM, "no memory for prepare.json");
    sg_status st = inputs_json(w, about, err);
    if (!st && sg_cancelled(w->run))
        st = sg_fail(err, SG_CANCELLED, "stopped before the dataset was written");
    if (!st)
        st = sg_dataset_save(w->o->out, ds, id, about, err);
    if (!st && json) {
        char *text = sg_json_text(about, JSON_INDENT(2) | JSON_SORT_KEYS);
        st = text ? sg_buf_printf(json, err, "%s\n", text) : sg_fail(err, SG_NOMEM, "no memory for prepare.json");
        free(text);
    }
    json_decref(about);
    return st;
}

static sg_status make_dataset(work *w, sg_buf *json, sg_err *err)
{
    const int64_t n = w->rep->n_people;
    sg_dataset ds = {.n_label = 2,
                     .prevalence = w->o->prevalence,
                     .label = SG_NEW(w->a, int8_t, n),
                     .role = SG_NEW(w->a, uint8_t, n),
                     .mark = SG_NEW(w->a, uint8_t, n)};
    int64_t *person = SG_NEW(w->a, int64_t, n), *family = w->family ? SG_NEW_RAW(w->a, int64_t, n) : NULL;
    const char *(*id)[2] = sg_arena_alloc(w->a, n, sizeof *id);
    if (!ds.label || !ds.role || !ds.mark || !person || !id || (w->family && !family))
        return sg_arena_full(w->a, "the dataset", err);
    memcpy(ds.trait, w->o->trait, strlen(w->o->trait) + 1);
    memcpy(ds.label_name, w->rep->label_name, sizeof ds.label_name);
    SG_TRY(make_panel(w, &ds, err));
    SG_TRY(make_people(w, &ds, person, id, err));
    for (int64_t i = 0; family && i < n; i++)
        family[i] = w->family[person[i]];
    sg_split_options split = w->o->split;
    uint8_t *stratum = w->o->strata > 1 ? SG_NEW(w->a, uint8_t, n) : NULL;
    if (w->o->strata > 1 && !stratum)
        return sg_arena_full(w->a, "the dataset", err);
    if (stratum)
        SG_TRY(sg_strata(&ds.people, (int)w->o->strata, w->run, w->a, stratum, err));
    for (int64_t i = 0; stratum && i < n; i++)
        w->rep->n_stratum[stratum[i]]++;
    split.stratum = stratum;
    SG_TRY(sg_split(&split, person, family, ds.label, n, ds.n_label, w->a, ds.role, ds.mark, err));
    int64_t cases = 0;
    for (int64_t i = 0; i < n; i++) {
        w->rep->n_role[ds.role[i]][ds.label[i]]++;
        w->rep->n_calibration[ds.label[i]] += (ds.mark[i] & SG_MARK_CALIBRATION) != 0;
        w->rep->n_audit[ds.role[i]] += (ds.mark[i] & SG_MARK_AUDIT) != 0;
        cases += ds.label[i] == 1;
    }
    if (isnan(ds.prevalence))
        ds.prevalence = (double)cases / (double)n;
    w->rep->prevalence = ds.prevalence;
    SG_TRY(save(w, &ds, (const char *const(*)[2])id, json, err));
    w->rep->digest = ds.digest;
    return SG_OK;
}

sg_status sg_prepare(const sg_prepare_options *o, const sg_run *run, sg_arena *a, sg_prepare_report *rep, sg_buf *json,
                     sg_err *err)
{
    *rep = (sg_prepare_report){.threshold = NAN};
    work w = {.o = o, .run = run, .a = a, .rep = rep};
    SG_TRY(check_options(&w, err));
    SG_TRY(choose_people(&w, err));
    SG_TRY(match_variants(&w, err));
    SG_TRY(count_and_drop_people(&w, err));
    if (!o->relatives.ignore)
        SG_TRY(relatives_and_counts(&w, err));
    SG_TRY(drop_variants(&w, err));
    SG_TRY(choose_top(&w, err));
    return make_dataset(&w, json, err);
}

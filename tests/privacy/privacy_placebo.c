/* Placebo on real people: one part of HapMap 3 plays the cohort for another part. Nobody was copied, so the gate has to
 * pass; then one of them is, and it has to fail. Populations of every continent make distances as uneven as they get.
 */
#include "formats/plink.h"
#include "geno/kinship.h"
#include "world.h"

enum { SNPS = 256, TRAIN = 420, VAL = 110, TEST = 200, COHORT = 150, ROUNDS = 40 };

typedef struct real_people {
    sg_bim bim;
    sg_fam fam;
    sg_geno geno;
} real_people;

static bool load(const char *shared, real_people *p, sg_arena *a)
{
    char path[UNIT_PATH];
    sg_err err = {0};
    (void)snprintf(path, sizeof path, "%s/data/hapmap3/hapmap3.bim", shared);
    if (!sg_file_exists(path)) {
        printf("SKIP: %s is not here\n", path);
        return false;
    }
    ck_ok(sg_bim_load(path, a, &p->bim, &err), err);
    (void)snprintf(path, sizeof path, "%s/data/hapmap3/hapmap3.fam", shared);
    ck_ok(sg_fam_load(path, a, &p->fam, &err), err);
    int64_t *want = SG_NEW(a, int64_t, p->bim.n);
    for (int64_t i = 0; i < p->bim.n; i++)
        want[i] = i;
    (void)snprintf(path, sizeof path, "%s/data/hapmap3/hapmap3.bed", shared);
    ck_ok(sg_bed_load(path, p->bim.n, p->fam.n, want, p->bim.n, a, &p->geno, &err), err);
    return true;
}

/* People of whom no two are closer than second-degree relatives; returns how many. */
static int64_t unrelated(const real_people *p, int64_t *who, sg_arena *a)
{
    const size_t mark = sg_arena_mark(a);
    sg_people all;
    sg_err err = {0};
    ck_ok(sg_people_new(p->fam.n, p->bim.n, a, &all, &err), err);
    sg_people_from_geno(&p->geno, &all);
    int64_t n = 0;
    for (int64_t i = 0; i < p->fam.n; i++) {
        bool alone = true;
        for (int64_t k = 0; alone && k < n; k++)
            alone = sg_kinship(&all, i, &all, who[k]) < SG_KIN_SECOND;
        if (alone)
            who[n++] = i;
    }
    sg_arena_rewind(a, mark);
    return n;
}

/* A panel of SNPs with minor alleles, drawn by the round. */
static void draw_panel(const real_people *p, sg_rng *r, int64_t snp[SNPS])
{
    for (int k = 0; k < SNPS;) {
        const int64_t v = (int64_t)sg_rng_below(r, (uint64_t)p->bim.n);
        int64_t count[4];
        sg_geno_count(&p->geno, v, count);
        const int64_t minor = count[1] + 2 * (count[0] < count[2] ? count[0] : count[2]);
        if (20 * minor >= 2 * p->fam.n)
            snp[k++] = v;
    }
}

/* A missing genotype becomes that of a random person, so that none is left. */
static sg_people take(const real_people *p, const int64_t *snp, const int64_t *who, int64_t n, sg_rng *r, sg_arena *a)
{
    sg_people out;
    sg_err err = {0};
    ck_ok(sg_people_new(n, SNPS, a, &out, &err), err);
    for (int64_t i = 0; i < n; i++) {
        int8_t code[SNPS];
        for (int k = 0; k < SNPS; k++) {
            int64_t s = who[i];
            while ((code[k] = (int8_t)sg_geno_get(&p->geno, snp[k], s)) == SG_MISSING)
                s = (int64_t)sg_rng_below(r, (uint64_t)p->fam.n);
        }
        sg_people_pack(&out, i, code);
    }
    return out;
}

START_TEST(real_people_pass_for_a_cohort_and_a_copy_among_them_does_not)
{
    sg_arena a = unit_arena((size_t)1 << 30);
    const char *shared = getenv("SG_SHARED");
    real_people p;
    if (!load(shared ? shared : "../shared", &p, &a)) {
        sg_arena_clear(&a);
        return;
    }
    int64_t *people = SG_NEW(&a, int64_t, p.fam.n);
    const int64_t n_people = unrelated(&p, people, &a);
    printf("%lld people, %lld without a close relative among the rest\n", (long long)p.fam.n, (long long)n_people);
    ck_assert_int_ge(n_people, TRAIN + VAL + TEST + COHORT);
    int passed = 0, failed = 0, caught = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const size_t mark = sg_arena_mark(&a);
        sg_rng r = sg_rng_stream(99, SG_RNG_PRIVACY, (uint64_t)round, 0);
        int64_t *who = SG_NEW(&a, int64_t, n_people), snp[SNPS];
        memcpy(who, people, (size_t)n_people * sizeof *who);
        sg_rng_shuffle(&r, who, n_people);
        draw_panel(&p, &r, snp);
        world w = {.n_snp = SNPS, .seed = 99};
        const int64_t n[SG_N_ROLE] = {TRAIN, VAL, TEST};
        const int64_t *at = who;
        for (int role = 0; role < SG_N_ROLE; at += n[role++]) {
            w.ref.people[role] = take(&p, snp, at, n[role], &r, &a);
            w.ref.label[role] = draw_labels_of(n[role], (uint32_t)(20 + role), &a);
        }
        sg_people c = take(&p, snp, at, COHORT, &r, &a);
        const sg_outcome o = judged(&w, &c, NULL, NULL, NULL, 0, &a);
        passed += o == SG_OUTCOME_PASS;
        failed += o == SG_OUTCOME_FAIL;
        plant_copy(&w, SG_ROLE_TRAIN, round, 0.05, &c, 0, &a);
        caught += judged(&w, &c, NULL, NULL, NULL, 0, &a) != SG_OUTCOME_PASS;
        sg_arena_rewind(&a, mark);
    }
    printf("real people as cohort: %d of %d pass, %d fail; with one copy, 5 %% edited, %d are caught\n", passed, ROUNDS,
           failed, caught);
    ck_assert_int_ge(passed, ROUNDS - 3);
    ck_assert_int_eq(failed, 0);
    ck_assert_int_eq(caught, ROUNDS);
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("placebo", real_people_pass_for_a_cohort_and_a_copy_among_them_does_not)

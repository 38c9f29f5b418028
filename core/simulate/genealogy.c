/* genealogy.c - see genealogy.h. Nodes 0..F-1 are the founders, F..2F-2 inner nodes. */
#include "simulate/genealogy.h"

#include <math.h>
#include <string.h>

enum { F = SG_FOUNDERS, INNER = F - 1, NODES = F + INNER, NOBODY = -1 };

typedef struct tree {
    double time[NODES];
    int parent[NODES], child[NODES][2];
    int order[INNER]; /* inner nodes by rising time */
    int root;
} tree;

static double exponential(sg_rng *r, double rate)
{
    return -log1p(-sg_rng_uniform(r)) / rate;
}

/* Kingman's coalescent: k lineages, any two of which join at rate 1. */
static void coalesce(tree *t, sg_rng *r)
{
    int lineage[F];
    double now = 0;
    for (int i = 0; i < F; i++) {
        lineage[i] = i;
        t->time[i] = 0;
        t->child[i][0] = t->child[i][1] = NOBODY;
    }
    for (int k = F, node = F; k > 1; k--, node++) {
        now += exponential(r, 0.5 * k * (k - 1));
        t->time[node] = now;
        t->order[node - F] = node;
        for (int c = 0; c < 2; c++) {
            const int i = (int)sg_rng_below(r, (uint64_t)(k - c));
            t->child[node][c] = lineage[i];
            t->parent[lineage[i]] = node;
            lineage[i] = lineage[k - c - 1];
        }
        lineage[k - 2] = node;
    }
    t->root = NODES - 1;
    t->parent[t->root] = NOBODY;
}

static double branch(const tree *t, int node)
{
    return node == t->root ? 0 : t->time[t->parent[node]] - t->time[node];
}

static double total_length(const tree *t)
{
    double sum = 0;
    for (int i = 0; i < NODES; i++)
        sum += branch(t, i);
    return sum;
}

/* A point on the branches, uniform by length. */
static int pick_point(const tree *t, double total, sg_rng *r, double *time)
{
    double at = sg_rng_uniform(r) * total;
    int last = NOBODY;
    for (int i = 0; i < NODES; i++) {
        if (i == t->root)
            continue;
        const double b = branch(t, i);
        last = i;
        *time = t->time[i] + (at < b ? at : b);
        if (at < b)
            break;
        at -= b;
    }
    return last;
}

static void replace_child(tree *t, int parent, int old, int new)
{
    if (parent == NOBODY)
        t->root = new;
    else
        t->child[parent][t->child[parent][1] == old] = new;
    t->parent[new] = parent;
}

/* When a lineage cut at `from` below node p joins the rest again: at rate 1 per lineage that is there. */
static double joining_time(const tree *t, int p, double from, sg_rng *r)
{
    int i = 0;
    while (i < INNER && t->time[t->order[i]] <= from)
        i++;
    for (double now = from;; i++) {
        /* Below p the cut lineage itself is among the F - i. */
        const int others = F - i - (now < t->time[p]);
        const double at = now + exponential(r, others > 0 ? others : 1);
        if (i == INNER || at < t->time[t->order[i]])
            return at;
        now = t->time[t->order[i]];
    }
}

/* One of the lineages there at time `at`, uniformly; c is the cut one. */
static int pick_lineage(const tree *t, int c, int p, double at, sg_rng *r)
{
    int found = NOBODY;
    uint64_t n = 0;
    for (int v = 0; v < NODES; v++) {
        if (v == c || v == p || t->time[v] > at)
            continue;
        if (v != t->root && t->time[t->parent[v]] <= at)
            continue;
        if (sg_rng_below(r, ++n) == 0)
            found = v;
    }
    return found;
}

static void reorder(tree *t, int p)
{
    int i = 0;
    while (t->order[i] != p)
        i++;
    for (; i + 1 < INNER && t->time[t->order[i + 1]] < t->time[p]; i++)
        t->order[i] = t->order[i + 1];
    for (; i > 0 && t->time[t->order[i - 1]] > t->time[p]; i--)
        t->order[i] = t->order[i - 1];
    t->order[i] = p;
}

static void recombine(tree *t, double total, sg_rng *r)
{
    double from = 0;
    const int c = pick_point(t, total, r, &from), p = t->parent[c];
    const double at = joining_time(t, p, from, r);
    replace_child(t, t->parent[p], p, t->child[p][t->child[p][0] == c]);
    const int v = pick_lineage(t, c, p, at, r);
    const int above = v == t->root ? NOBODY : t->parent[v];
    replace_child(t, above, v, p);
    t->time[p] = at;
    t->child[p][0] = c;
    t->child[p][1] = v;
    t->parent[c] = t->parent[v] = p;
    reorder(t, p);
}

/* One mutation: sets bit k of the founders below a branch, chosen by length among those of a wanted frequency. */
static void mutate(const tree *t, int k, double maf_min, sg_rng *r, uint64_t *haplotype)
{
    int below[NODES];
    double weight[NODES], total = 0;
    const int least = (int)ceil(maf_min * F);
    for (int i = 0; i < F; i++)
        below[i] = 1;
    for (int i = 0; i < INNER; i++) {
        const int v = t->order[i];
        below[v] = below[t->child[v][0]] + below[t->child[v][1]];
    }
    for (int v = 0; v < NODES; v++) {
        const int minor = below[v] < F - below[v] ? below[v] : F - below[v];
        weight[v] = minor >= least ? branch(t, v) : 0;
        total += weight[v];
    }
    double at = sg_rng_uniform(r) * total;
    int chosen = t->child[t->root][0];
    for (int v = 0; v < NODES; v++) {
        if (weight[v] <= 0)
            continue;
        chosen = v;
        if (at < weight[v])
            break;
        at -= weight[v];
    }
    bool carries[NODES] = {false};
    carries[chosen] = true;
    for (int i = INNER; i-- > 0;) {
        const int v = t->order[i];
        carries[t->child[v][0]] |= carries[v];
        carries[t->child[v][1]] |= carries[v];
    }
    const bool flip = 2 * below[chosen] > F;
    for (int i = 0; i < F; i++)
        haplotype[i] |= (uint64_t)(carries[i] != flip) << k;
}

void sg_genealogy_founders(const double *pos, int n, double maf_min, sg_rng *r, uint64_t *haplotype)
{
    tree t;
    coalesce(&t, r);
    memset(haplotype, 0, F * sizeof *haplotype);
    double here = n ? pos[0] : 0;
    for (int k = 0; k < n; k++) {
        for (;;) {
            const double total = total_length(&t), step = exponential(r, 0.5 * SG_RHO_PER_BP * total);
            if (here + step > pos[k])
                break; /* without memory: the next step may be drawn afresh from pos[k] */
            here += step;
            recombine(&t, total, r);
        }
        here = pos[k];
        mutate(&t, k, maf_min, r, haplotype);
    }
}

#!/usr/bin/env python3
"""Writes fidelity_expected.h: figures of two small cohorts, computed by numpy from their definitions.

Run by hand when a definition changes; tests read the committed numbers and need no Python. The cohorts come from a
linear congruential generator that stat_fidelity.c repeats.

    tests/stat/expected.py > tests/stat/fidelity_expected.h
"""
import numpy as np

N, L, SPLIT = 300, 48, 30
STATE = 0


def uniform():
    global STATE
    STATE = (STATE * 6364136223846793005 + 1442695040888963407) % 2**64
    return (STATE >> 11) / 2**53


def cohort(seed, n, copy, shift):
    global STATE
    STATE = seed
    g, y = np.zeros((n, L), int), np.zeros(n, int)
    for i in range(n):
        y[i] = i % 5 < 2
        for v in range(L):
            f = 0.15 + 0.7 * (v * 37 % 100) / 100 + (0.12 if y[i] and v % 7 == 0 else 0) + shift
            u, a, b = uniform(), uniform(), uniform()
            g[i, v] = g[i, v - 1] if v % 5 and u < copy else (a < f) + (b < f)
    return g, y


def r_of(x, y):
    return np.corrcoef(x, y)[0, 1]


def slope(x, y):
    return (x * y).sum() / (x * x).sum()


def logistic(x, y):
    b = np.zeros(2)
    X = np.stack([np.ones(len(x)), x], 1)
    for _ in range(50):
        p = 1 / (1 + np.exp(-X @ b))
        h = X.T @ (X * (p * (1 - p))[:, None])
        b += np.linalg.solve(h, X.T @ (y - p))
    return b[1], np.sqrt(np.linalg.inv(h)[1, 1])


def ranks(z):
    return np.array([1 + (z > t).sum() + ((z == t).sum() - 1) / 2 for t in z])


ref, y = cohort(11, N, 0.7, 0.0)
syn, ys = cohort(12, N, 0.6, 0.02)
test, yt = cohort(13, 120, 0.7, 0.0)
out = {}

p, q = ref.mean(0) / 2, syn.mean(0) / 2
out["af_r"], out["af_mean_drift"], out["af_max_drift"] = r_of(p, q), abs(p - q).mean(), abs(p - q).max()
gp = np.array([[(ref[:, v] == k).mean() for k in range(3)] for v in range(L)]).ravel()
gq = np.array([[(syn[:, v] == k).mean() for k in range(3)] for v in range(L)]).ravel()
out["genotype_r"] = r_of(gp, gq)
fis = lambda g: 1 - (g == 1).mean(0) / (2 * g.mean(0) / 2 * (1 - g.mean(0) / 2))
out["fis_shift"], out["fis_apart"] = (fis(syn) - fis(ref)).mean(), abs(fis(syn) - fis(ref)).mean()
top = (p - q) ** 2 - p * (1 - p) / (2 * N - 1) - q * (1 - q) / (2 * N - 1)
out["fst"] = top.sum() / (p * (1 - q) + q * (1 - p)).sum()

cr, cs = np.corrcoef(ref.T), np.corrcoef(syn.T)
i, j = np.triu_indices(L, 1)
pos = np.array([1000 + 40000 * (v if v < SPLIT else v - SPLIT) for v in range(L)])
chrom = np.array([1 if v < SPLIT else 2 for v in range(L)])
near = (chrom[i] == chrom[j]) & (abs(pos[i] - pos[j]) <= 1000000)
a, b = cr[i, j], cs[i, j]
linked = a * a > 0.05
for name, w in (("all", np.full(len(a), True)), ("1mb", near), ("linked", linked)):
    out["ld_r2_r_" + name], out["ld_r2_slope_" + name] = r_of(a[w] ** 2, b[w] ** 2), slope(a[w] ** 2, b[w] ** 2)
edges = [2000, 5000, 10000, 20000, 40000, 70000, 100000, 200000, 400000, 600000, 800000, 1000000]
dist, low, square = abs(pos[i] - pos[j]), -1, []
for e in edges:
    w = near & (dist > low) & (dist <= e)
    if w.any():
        square.append(((b[w] ** 2).mean() - (a[w] ** 2).mean()) ** 2)
    low = e
out["ld_decay_rmse"] = np.sqrt(np.mean(square))
out["correlation_matrix_r"], out["correlation_matrix_slope"] = r_of(a, b), slope(a, b)
out["correlation_matrix_distance"] = np.sqrt(((a - b) ** 2).sum() / (a * a).sum())
zr, zs = (ref - ref.mean(0)) / ref.std(0), (syn - syn.mean(0)) / syn.std(0)
t3 = [(u, v, w) for u in range(L) for v in range(u + 1, min(u + 3, L)) for w in range(v + 1, min(u + 4, L))
      if chrom[u] == chrom[w]]
x3 = np.array([(zr[:, u] * zr[:, v] * zr[:, w]).mean() for u, v, w in t3])
y3 = np.array([(zs[:, u] * zs[:, v] * zs[:, w]).mean() for u, v, w in t3])
out["three_snp_r"], out["three_snp_slope"] = r_of(x3, y3), slope(x3, y3)

value, axis = np.linalg.eigh(cr)
axis = axis[:, ::-1][:, :10]
cx, cy = zr @ axis, (syn - ref.mean(0)) / ref.std(0) @ axis
d = np.random.default_rng(1).normal(size=(20000, 10))
d /= np.linalg.norm(d, axis=1)[:, None]
out["pca_sliced_wasserstein"] = abs(np.sort(cx @ d.T, 0) - np.sort(cy @ d.T, 0)).mean()


def kinship(g, h):
    het = np.minimum.outer((g == 1).sum(1), (h == 1).sum(1))
    return 0.5 - ((g[:, None] - h[None]) ** 2).sum(2) / (4 * het)


first = 2**-2.5
k = kinship(syn, syn)
np.fill_diagonal(k, -9)
out["kin_among"] = (k.max(1) >= first).mean()
k = kinship(syn, ref)
out["kin_to_real"], out["kin_closest_mean"] = (k.max(1) >= first).mean(), k.max(1).mean()
ham = lambda g, h: (g[:, None] != h[None]).sum(2)
rr, ss, rs = ham(ref, ref), ham(syn, syn), ham(ref, syn)
np.fill_diagonal(rr, 999), np.fill_diagonal(ss, 999)
beat = lambda other, own: ((other > own) + 0.5 * (other == own)).mean()
out["nn_adversarial_accuracy"] = (beat(rs.min(1), rr.min(1)) + beat(rs.min(0), ss.min(1))) / 2
out["knn_precision"] = (rs <= np.sort(rr, 1)[:, 4][:, None]).any(0).mean()
out["knn_recall"] = (rs <= np.sort(ss, 1)[:, 4][None]).any(1).mean()

br = np.array([logistic(ref[:, v], y) for v in range(L)])
bs = np.array([logistic(syn[:, v], ys) for v in range(L)])
out["beta_r"], out["beta_slope"] = r_of(br[:, 0], bs[:, 0]), slope(br[:, 0], bs[:, 0])
causal = np.arange(0, L, 3)
qr, qs = ranks(abs(br[causal, 0] / br[causal, 1])), ranks(abs(bs[causal, 0] / bs[causal, 1]))
out["causal_rank_spearman"] = r_of(qr, qs)
out["causal_top10_kept"] = (qs[qr < 11] < 11).mean()
for name, w in (("synthetic", bs), ("real", br)):
    s = test @ w[:, 0]
    c, n = s[yt == 1], s[yt == 0]
    out["prs_" + name] = ((c[:, None] > n) + 0.5 * (c[:, None] == n)).mean()

print("/* Made by expected.py. */")
print("#define EXPECTED(X) \\")
print(" \\\n".join(f'    X("{name}", {x:.12g})' for name, x in out.items() if not name.startswith("prs_")))
print(f'#define EXPECTED_PRS_SYNTHETIC {out["prs_synthetic"]:.12g}')
print(f'#define EXPECTED_PRS_REAL {out["prs_real"]:.12g}')

#!/usr/bin/env python3
"""How few network calls are enough? Every sampler against Euler with 1,000 steps from the same noise, on a trained model.

    sampler_study.py BIN_DIR MODEL [PEOPLE]      prints a table; numpy needed; minutes

latents: relative L2 distance. same: share of genotypes that are equal. dAF: mean difference of allele frequencies, dR: root mean
square difference of correlations between SNPs. Floor: the reference again from other noise, which is what nobody can tell apart.
calls: network calls per person and step pair; two where guidance acts."""
import itertools
import os
import subprocess
import sys
import tempfile

import numpy as np

BIN, MODEL = sys.argv[1], sys.argv[2]
N = int(sys.argv[3]) if len(sys.argv) > 3 else 1000


def generate(folder, noise, name, *options):
    out = os.path.join(folder, name)
    labels = ",".join(str(i % 2) for i in range(N))
    subprocess.run([f"{BIN}/snpgen", "generate", "--model", MODEL, "--labels", labels, "--noise", noise, "--save-latents",
                    out + ".z.npy", "--format", "npy", "--out", out, "--quiet", *options], check=True, stdout=subprocess.DEVNULL)
    return np.load(out + ".z.npy").reshape(N, -1).astype(np.float64), np.load(out + ".npy").astype(np.float64)


def correlations(g):
    return np.nan_to_num(np.corrcoef(g, rowvar=False))


def compare(a, b):
    z = np.linalg.norm(a[0] - b[0]) / np.linalg.norm(b[0])
    return (z, (a[1] == b[1]).mean(), np.abs(a[1].mean(0) - b[1].mean(0)).mean() / 2,
            np.sqrt(((correlations(a[1]) - correlations(b[1])) ** 2).mean()))


def main():
    import json
    unet = json.load(open(os.path.join(MODEL, "card.json"), encoding="utf-8"))["unet"]
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        noise = []
        for k in range(2):
            noise.append(os.path.join(folder, f"noise{k}.npy"))
            np.save(noise[k], rng.standard_normal((N, unet["z_channels"], unet["latent_len"])).astype(np.float32))
        print(f"{'sampler':10}{'steps':>6}{'guidance':>10}{'interval':>10}{'calls':>7}{'latents':>10}{'same':>8}{'dAF':>10}{'dR':>9}")
        for guidance in ("1", "3"):
            base = ("--guidance", guidance)
            ref = generate(folder, noise[0], "ref", "--sampler", "euler", "--steps", "1000", *base)
            floor = compare(generate(folder, noise[1], "other", "--sampler", "euler", "--steps", "1000", *base), ref)
            print(f"{'floor':10}{'':6}{guidance:>10}{'':27}{floor[1]:8.4f}{floor[2]:10.6f}{floor[3]:9.5f}")
            intervals = ("0,inf",) if guidance == "1" else ("0,inf", "0.3,3")
            for (sampler, steps), interval in itertools.product(
                    [("euler", 50), ("euler", 25), ("heun", 18), ("heun", 9), ("dpmpp2m", 25), ("dpmpp2m", 20), ("dpmpp2m", 15),
                     ("dpmpp2m", 12), ("dpmpp2m", 10), ("dpmpp2m", 8), ("dpmpp2m", 6)], intervals):
                got = generate(folder, noise[0], "got", "--sampler", sampler, "--steps", str(steps), "--guidance-interval", interval, *base)
                z, same, af, r = compare(got, ref)
                calls = (2 * steps - 1 if sampler == "heun" else steps) * (1 if guidance == "1" else 2)
                print(f"{sampler:10}{steps:6}{guidance:>10}{interval if guidance != '1' else '':>10}{calls:7}{z:10.4f}{same:8.4f}{af:10.6f}{r:9.5f}",
                      flush=True)


main()

#!/usr/bin/env bash
# Builds a tiny trained bundle once per build folder: simulated people -> prepare -> train, some seconds each.
#   tests/http/fixture.sh BIN_DIR OUT_DIR      makes OUT_DIR/model (id "tiny") and OUT_DIR/reference.key
# Its checks pass for small cohorts: the members and non-members are a thousand people on 64 SNPs.
set -euo pipefail
bin=$1
out=$2
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
[ -f "$out/model/card.json" ] && exit 0
rm -rf "$out/data" "$out/model" "$out/model.train"
umask 077
"$bin/snpgen" simulate --quiet --out "$out/sim" --people 1600 --snps 400 --trait t2d --h2 0.4 --discovery 1600 --case-fraction 0.5
"$bin/snpgen" prepare --quiet --bfile "$out/sim" --pheno "$out/sim.pheno" --sumstats "$out/sim.sumstats.tsv" --top 64 \
    --test 0.25 --trait t2d --out "$out/data"
"$bin/snpgen" train --quiet --data "$out/data" --id tiny --key "$out/reference.key" --out "$out/model" --preset small \
    --vae-epochs 3 --epochs 3 --steps 10 --calibrate-people 500

#!/usr/bin/env bash
# How well a score of the best 1,024 SNPs tells cases from controls, by the tools of the field: PLINK's clumping of our
# discovery study, plink2 --score on other people. Published: 0.59 to 0.67.
#   SNPGEN=... tests/roundtrip/presets.sh
set -euo pipefail
SNPGEN=${SNPGEN:-build/release/bin/snpgen}
for tool in plink1.9 plink2; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-presets-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
cd "$work"
for trait in cad bc t1d t2d; do
    "$SNPGEN" simulate --out s --people 4000 --case-fraction 0.5 --snps 20000 --trait $trait --quiet >/dev/null
    plink1.9 --bfile s --thin-indiv-count 1000 --seed 1 --make-founders --clump s.sumstats.tsv --clump-p1 1 --clump-p2 1 \
        --clump-r2 0.2 --clump-kb 250 --out s >/dev/null
    awk 'NR > 1 && NF && ++n <= 1024 { print $3 }' s.clumped >top
    awk 'NR == FNR { top[$1] = 1; next } FNR > 1 && ($1 in top) { print $1, $4, $7 }' top s.sumstats.tsv >weights
    plink2 --bfile s --score weights 1 2 3 cols=+scoresums --out s >/dev/null
    awk 'NR == FNR { y[$2] = $3; next } FNR > 1 { print $NF, y[$2] }' s.pheno s.sscore | sort -g |
        awk -v t=$trait '{ if ($2 == 2) { n++; sum += NR } }
            END { auc = (sum - n * (n + 1) / 2) / (n * (NR - n)); printf "%s: AUC %.3f\n", t, auc
                  exit !(auc > 0.58 && auc < 0.68) }' || { echo "FAILED: $trait is not near 0.59 to 0.67"; failed=1; }
done
# Women only, and the few strong effects of type 1 diabetes.
"$SNPGEN" simulate --out w --people 500 --snps 500 --trait bc --discovery 500 --quiet >/dev/null
[ "$(cut -f5 w.fam | sort -u)" = 2 ] || { echo "FAILED: bc is of women"; failed=1; }
exit $failed

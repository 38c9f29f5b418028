#!/usr/bin/env bash
# snpgen evaluate as its users run it: both files appear, whole and private; a stop or a mistake leaves neither.
#   SNPGEN=.../snpgen tests/stat/evaluate.sh
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-evaluate-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
check() { # check WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "ok: $words"; else echo "FAILED: $words"; failed=1; fi
}
fails() { # fails CODE MESSAGE ARGUMENTS...: evaluate ends with the code and says the message, and leaves no report
    local code=$1 message=$2 got=0
    shift 2
    "$SNPGEN" evaluate --quiet "$@" >out 2>err || got=$?
    [ $got = "$code" ] && grep -qF -- "$message" err && [ ! -e no.json ] && [ ! -e no.html ] && ! ls no.*tmp* >/dev/null 2>&1
}

"$SNPGEN" simulate --out p --people 1200 --snps 60 --trait t2d --case-fraction 0.4 --quiet >/dev/null
"$SNPGEN" prepare --bfile p --pheno p.pheno --sumstats p.sumstats.tsv --top 60 --trait t2d --out d --quiet >/dev/null
printf "SNP\nrs1\nrs2\n" >other.tsv
"$SNPGEN" evaluate --synthetic p --data d --truth p.truth.tsv --baselines --out r >table 2>lines

check "the report is there twice, for its owner alone" \
    test "$(stat -c '%a' r.json r.html | tr '\n' ' ')" = "600 600 "
check "it is the whole list of figures" python3 - <<'EOF'
import json
d = json.load(open("r.json"))
names = {f["name"] for f in d["figures"]}
assert {"af_r", "ld_r2_slope_linked", "auc", "auc_minus_real", "beta_slope", "causal_rank_spearman"} <= names, names
assert set(d["columns"]) == {"synthetic", "real", "held_out", "half", "independent", "resampled", "markov", "chow_liu"}
assert d["gate"]["outcome"] and set(d["gate_of_baselines"]) == {"independent", "resampled", "markov", "chow_liu"}
assert d["roc"]["prs"]["synthetic"][-1] == 1 and d["baselines_better"]["summary"]
for f in d["figures"]:
    for v in f["values"].values():
        lo, hi = v["interval"]
        assert lo is None or lo <= v["value"] <= hi, f
EOF
check "the page asks nothing of the network" bash -c '! grep -qE "https?:|<script|src=|url\(" r.html'
check "the table says where baselines do better" grep -q "chow_liu does better than the synthetic cohort in" table
check "no line of progress is missing" grep -q "predicting real people: 100 %" lines
check "one thread writes what two write" bash -c \
    '"$SNPGEN" evaluate --synthetic p --data d --truth p.truth.tsv --baselines --threads 1 --quiet --out one >/dev/null &&
     cmp one.json r.json && cmp one.html r.html'

check "an unknown method is refused" fails 1 'method "svm"' --synthetic p --data d --methods svm --out no
check "a truth file of other SNPs is refused" fails 1 'causal SNPs are on the panel' --synthetic p --data d --truth other.tsv --out no
check "a folder that is not there is found out first" fails 1 'cannot write' --synthetic p --data d --out no/where
check "model and files at once are refused" fails 1 'want one of --model and --synthetic' --synthetic p --model m --data d --out no

"$SNPGEN" evaluate --synthetic p --data d --baselines --out no >/dev/null 2>lines &
pid=$!
for _ in $(seq 200); do grep -q "predicting real people" lines && break; sleep 0.05; done
kill -INT $pid
code=0
wait $pid || code=$?
check "a stop leaves no report" bash -c "[ $code = 1 ] && [ ! -e no.json ] && [ ! -e no.html ] && grep -q stopped lines"
exit $failed

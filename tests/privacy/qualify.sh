#!/usr/bin/env bash
# A model that learned 306 people by heart does not pass its qualification; the same one stopped early does.
#   tests/privacy/qualify.sh BIN_DIR
set -euo pipefail
bin=$1
policy=$(cd "$(dirname "$0")/../.." && pwd)/deploy/policy-demo.toml
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-qualify-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
umask 077
"$bin/snpgen" simulate --quiet --out p --people 900 --snps 800 --trait t2d --h2 0.4 --discovery 2000 --case-fraction 0.5 >/dev/null
"$bin/snpgen" prepare --quiet --bfile p --pheno p.pheno --sumstats p.sumstats.tsv --top 128 --test 0.6 --val 0.15 --trait t2d \
    --out d >/dev/null

# qualify VAE_EPOCHS EPOCHS: trains, qualifies, prints the record; the exit code is that of snpgen qualify
qualify() {
    rm -rf m m.train
    "$bin/snpgen" train --quiet --data d --id m --key m.key --out m --preset small --vae-epochs "$1" --epochs "$2" --min-steps 0 \
        --vae-min-steps 0 --calibrate-people 500 >/dev/null
    "$bin/snpgen" qualify --quiet --model m --key m.key --policy "$policy" --json >record.json
}
fail() { echo "FAIL: $*"; cat record.json; exit 1; }

qualify 3 3 || fail "an honest model exits $?"
grep -q '"outcome":"pass"' record.json || fail "an honest model did not pass"
grep -q '"qualification"' m/card.json || fail "the card holds no record"
code=0
qualify 60 300 || code=$?
[ "$code" = 3 ] || fail "a model that memorises exits $code, want 3"
grep -q '"outcome":"fail"' record.json || fail "a model that memorises was not found out"
echo "ok: the attack on the weights tells them apart"

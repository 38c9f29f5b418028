#!/usr/bin/env bash
# A training run that is killed (-9) and interrupted (Ctrl-C) again and again ends with the same model.safetensors as one that
# was left alone; a finished model is not overwritten; other options are refused.
set -euo pipefail
SNPGEN=${SNPGEN:-build/release/bin/snpgen}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; cat "$work"/log 2>/dev/null; exit 1; }
"$SNPGEN" simulate --out "$work/sim" --people 120 --snps 200 --trait t2d --case-fraction 0.5 --quiet >/dev/null 2>&1
"$SNPGEN" prepare --bfile "$work/sim" --pheno "$work/sim.pheno" --sumstats "$work/sim.sumstats.tsv" --top 48 --trait t2d \
    --out "$work/data" --quiet >/dev/null 2>&1
tiny=(--data "$work/data" --preset small --vae-channels 32,32 --unet-mult 1,1 --unet-res 1 --vae-epochs 3 --epochs 4
    --vae-batch 16 --batch 16 --chunk 4 --steps 4 --calibrate-people 32 --quiet)

"$SNPGEN" train "${tiny[@]}" --out "$work/whole" >"$work/log" 2>&1 || fail "an unbroken run"
want=$(sha256sum <"$work/whole/model.safetensors")

RANDOM=4
killed=0
for signal in KILL KILL INT KILL KILL INT KILL KILL; do
    "$SNPGEN" train "${tiny[@]}" --out "$work/broken" --checkpoint-seconds 0 --resume --threads 1 >"$work/log" 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 60 + 10))"
    if kill -$signal $pid 2>/dev/null; then killed=$((killed + 1)); fi
    wait $pid 2>/dev/null || true
    [ -d "$work/broken" ] && break
done
[ -d "$work/broken" ] || "$SNPGEN" train "${tiny[@]}" --out "$work/broken" --resume >"$work/log" 2>&1 || fail "the last part"
[ "$(sha256sum <"$work/broken/model.safetensors")" = "$want" ] || fail "another model after $killed interruptions"
[ ! -e "$work/broken.train" ] || fail "the work folder stayed behind"

if "$SNPGEN" train "${tiny[@]}" --out "$work/broken" >"$work/log" 2>&1; then fail "a model was overwritten"; fi
grep -q "a model is never overwritten" "$work/log" || fail "wrong words"

"$SNPGEN" train "${tiny[@]}" --out "$work/other" --checkpoint-seconds 0 >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 200); do [ -e "$work/other.train/checkpoint" ] && break; sleep 0.05; done
kill -INT $pid
if wait $pid; then fail "an interrupted run ended with 0"; fi
if "$SNPGEN" train "${tiny[@]}" --out "$work/other" >"$work/log" 2>&1; then fail "an unfinished run was not noticed"; fi
grep -q "holds an unfinished run; --resume goes on with it" "$work/log" || fail "wrong words"
if "$SNPGEN" train "${tiny[@]}" --out "$work/other" --resume --lr 0.5 >"$work/log" 2>&1; then fail "other options went on"; fi
grep -q "made with --lr [0-9.]*, this run asks for 0.5" "$work/log" || fail "wrong words"
echo "resume: same bytes after $killed interruptions"

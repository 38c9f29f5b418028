#!/usr/bin/env bash
# A training run that is killed (-9) and interrupted (Ctrl-C) again and again ends with the same model.safetensors as one that
# was left alone; a finished model is not overwritten; other options are refused.
set -euo pipefail
SNPGEN=${SNPGEN:-build/release/bin/snpgen}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; cat "$work"/log 2>/dev/null; exit 1; }
"$SNPGEN" simulate --out "$work/sim" --people 120 --snps 200 --trait t2d --h2 0.4 --discovery 120 --case-fraction 0.5 --quiet >/dev/null 2>&1
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
for _ in $(seq 1200); do [ -e "$work/other.train/checkpoint" ] && break; sleep 0.05; done
kill -INT $pid
if wait $pid; then fail "an interrupted run ended with 0"; fi
if "$SNPGEN" train "${tiny[@]}" --out "$work/other" >"$work/log" 2>&1; then fail "an unfinished run was not noticed"; fi
grep -q "holds an unfinished run; --resume goes on with it" "$work/log" || fail "wrong words"
if "$SNPGEN" train "${tiny[@]}" --out "$work/other" --resume --lr 0.5 >"$work/log" 2>&1; then fail "other options went on"; fi
grep -q "made with --lr [0-9.]*, this run asks for 0.5" "$work/log" || fail "wrong words"
# bfloat16: the same bytes for any number of threads, other ones than float32's; recorded; refused by name where it cannot be
if "$SNPGEN" train "${tiny[@]}" --precision bfloat16 --out "$work/half1" --threads 1 >"$work/log" 2>&1; then
    "$SNPGEN" train "${tiny[@]}" --precision bfloat16 --out "$work/half2" --threads 2 >"$work/log" 2>&1 || fail "bfloat16 again"
    cmp -s "$work/half1/model.safetensors" "$work/half2/model.safetensors" || fail "bfloat16 depends on the threads"
    cmp -s "$work/half1/model.safetensors" "$work/whole/model.safetensors" && fail "bfloat16 was not used"
    grep -q '"precision": "bfloat16"' "$work/half1/card.json" || fail "the card does not say bfloat16"
else
    grep -q "this processor does not have" "$work/log" || fail "bfloat16 is refused in the wrong words"
fi
if "$SNPGEN" train "${tiny[@]}" --precision float8 --out "$work/no" >"$work/log" 2>&1; then fail "float8 went on"; fi
grep -q 'precision "float8" is unknown, want float32 or bfloat16' "$work/log" || fail "wrong words"
# guidance in an interval of noise levels: everywhere, nowhere, refused
"$SNPGEN" generate --model "$work/whole" --labels 0,1,1,0 --guidance 3 --out "$work/g0" --format npy --quiet >"$work/log" 2>&1 || fail generate
for interval in 0,inf 1e5,1e6; do
    "$SNPGEN" generate --model "$work/whole" --labels 0,1,1,0 --guidance 3 --guidance-interval $interval --out "$work/g$interval" \
        --save-latents "$work/z$interval.npy" --format npy --quiet >"$work/log" 2>&1 || fail "guidance in $interval"
done
cmp -s "$work/g0.npy" "$work/g0,inf.npy" || fail "an interval without limits changes people"
"$SNPGEN" generate --model "$work/whole" --labels 0,1,1,0 --guidance 1 --out "$work/g1" --save-latents "$work/z1.npy" --format npy --quiet \
    >"$work/log" 2>&1 || fail generate
cmp -s "$work/z1.npy" "$work/z1e5,1e6.npy" || fail "guidance acts outside its interval"
cmp -s "$work/z1.npy" "$work/z0,inf.npy" && fail "guidance does nothing inside its interval"
for bad in 3 2,1 a,b -1,2 1,nan 1,2,3; do
    if "$SNPGEN" generate --model "$work/whole" --labels 0 --guidance-interval "$bad" --out "$work/no" >"$work/log" 2>&1; then fail "interval $bad"; fi
    grep -q "the guidance interval is" "$work/log" || fail "wrong words for interval $bad"
done
# decode makes the very people of the latents that generate saved, given their labels and seed; else it says what it does
"$SNPGEN" generate --model "$work/whole" --cases 40 --controls 29 --seed 11 --out "$work/made" --save-latents "$work/made.z.npy" \
    --format plink,npy --quiet >"$work/log" 2>&1 || fail "generate with latents"
decode() { "$SNPGEN" decode --model "$work/whole" --latents "$work/made.z.npy" --format plink --quiet "$@" >"$work/log" 2>&1; }
decode --pheno "$work/made.pheno" --seed 11 --out "$work/again" || fail "decode --pheno"
decode --labels "$work/made.labels.npy" --seed 11 --threads 1 --out "$work/again2" || fail "decode --labels F.npy"
decode --labels "$(awk 'NR > 1 { printf "%s%d", s, $3 - 1; s = "," }' "$work/made.pheno")" --seed 11 --out "$work/again3" || fail "decode --labels"
for again in again again2 again3; do
    for part in bed bim fam pheno; do cmp "$work/made.$part" "$work/$again.$part" || fail "decode gives another .$part"; done
done
decode --seed 11 --out "$work/nolabel" || fail "decode without labels"
cmp -s "$work/made.bed" "$work/nolabel.bed" && fail "labels make no difference in decoding"
decode --pheno "$work/made.pheno" --seed 12 --out "$work/seed12" || fail "decode with another seed"
cmp -s "$work/made.bed" "$work/seed12.bed" && fail "the seed makes no difference in decoding"
if decode --labels 0,1 --out "$work/none"; then fail "two labels for 69 people"; fi
grep -q "holds latents of 69 people, the labels are 2" "$work/log" || fail "wrong words"
if decode --pheno "$work/made.fam" --out "$work/none"; then fail "a .fam as --pheno"; fi
grep -q 'line 1: 6 columns, want 3 (FID IID label)' "$work/log" || fail "wrong words"
sed "s/1$/3/" "$work/made.pheno" >"$work/three.pheno"
if decode --pheno "$work/three.pheno" --out "$work/none"; then fail "a label that the model lacks"; fi
grep -q "\"3\", want 1 to 2 (label + 1, as generate writes it" "$work/log" || fail "wrong words"
if decode --labels 0 --pheno x --out "$work/none"; then fail "labels twice"; fi
grep -q "want one of --labels and --pheno" "$work/log" || fail "wrong words"
[ -z "$(ls "$work"/none* 2>/dev/null)" ] || fail "files were left behind"
# with the adversarial term: another model, the same one after interruptions and for any number of threads; too few SNPs refused
"$SNPGEN" prepare --bfile "$work/sim" --pheno "$work/sim.pheno" --sumstats "$work/sim.sumstats.tsv" --top 96 --trait t2d \
    --out "$work/data96" --quiet >/dev/null 2>&1
tiny[1]=$work/data96
adv=(--adv-start 4)
"$SNPGEN" train "${tiny[@]}" "${adv[@]}" --out "$work/adv" >"$work/log" 2>&1 || fail "an adversarial run"
"$SNPGEN" train "${tiny[@]}" --out "$work/plain" >"$work/log" 2>&1 || fail "the same without"
cmp -s "$work/adv/model.safetensors" "$work/plain/model.safetensors" && fail "the adversarial term does nothing"
grep -q discriminator_loss "$work/adv/card.json" || fail "the card has no curve of the discriminator"
for signal in KILL KILL INT KILL; do
    "$SNPGEN" train "${tiny[@]}" "${adv[@]}" --out "$work/adv2" --checkpoint-seconds 0 --resume --threads 1 >"$work/log" 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 30 + 10))"
    kill -$signal $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    [ -d "$work/adv2" ] && break
done
[ -d "$work/adv2" ] || "$SNPGEN" train "${tiny[@]}" "${adv[@]}" --out "$work/adv2" --resume >"$work/log" 2>&1 || fail "its last part"
cmp -s "$work/adv/model.safetensors" "$work/adv2/model.safetensors" || fail "another adversarial model after interruptions"
tiny[1]=$work/data
if "$SNPGEN" train "${tiny[@]}" --adv-start 4 --out "$work/no" >"$work/log" 2>&1; then fail "48 positions were halved six times"; fi
grep -q "train without the adversarial term" "$work/log" || fail "wrong words"
echo "resume: same bytes after $killed interruptions"

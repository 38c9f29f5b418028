#!/usr/bin/env bash
# The whole path once on real people: GWAS on one half -> prepare -> train -> serve -> request -> PLINK, the other half being
# the people the model learns from. Prints seconds per stage, allele-frequency r against the real people per label, and what
# the checks said.
#
#   tests/roundtrip/real_people.sh [--bfile PREFIX --pheno FILE --pheno-name COLUMN --case-label WORD [--sumstats FILE]]
#                                  [--top 128] [--cases 200 --controls 200] [--preset small] [--test 0.25] [--least-r R]
#                                  [--work FOLDER] [--port N]
#
# Without arguments: HapMap3 founders of ../shared/data/hapmap3, African ancestry (AFR) or not as the label. With --sumstats
# everybody goes to the model; without it plink2 --glm makes summary statistics on every second person, who is then left out.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
shared=${SG_SHARED:-$root/../shared}
BIN=${BIN:-$root/build/release/bin}
bfile=$shared/data/hapmap3/hapmap3
pheno=$shared/data/hapmap3/hapmap3.pop
pheno_name=SUPERPOP
case_label=AFR
sumstats=""
top=128
cases=200
controls=200
preset=small
test=0.25
least=""
port=18099
work=""
given=0
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || { echo "$1 wants a value" >&2; exit 2; }
    case $1 in
        --bfile) bfile=$2; given=1 ;;
        --pheno) pheno=$2 ;;
        --pheno-name) pheno_name=$2 ;;
        --case-label) case_label=$2 ;;
        --sumstats) sumstats=$2 ;;
        --top) top=$2 ;;
        --cases) cases=$2 ;;
        --controls) controls=$2 ;;
        --preset) preset=$2 ;;
        --test) test=$2 ;;
        --least-r) least=$2 ;;
        --port) port=$2 ;;
        --work) work=$2 ;;
        *) echo "unknown option $1; the head of $0 lists them" >&2; exit 2 ;;
    esac
    shift 2
done
if [ $given = 0 ] && [ ! -f "$bfile.bed" ]; then
    echo "SKIP: $bfile.bed is not there; give --bfile, --pheno and --sumstats to run on other people"
    exit 77
fi
for tool in plink2 curl jq; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
# shellcheck source=deploy/steps.sh
. "$root/deploy/steps.sh"
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'serve_stop "$work"; rm -rf "$work"' EXIT
else
    mkdir -p "$work"
    work=$(cd "$work" && pwd)
    trap 'serve_stop "$work"' EXIT
fi
umask 077
started=$SECONDS
stage() { printf '%-28s %4d s\n' "$1" $((SECONDS - started)); started=$SECONDS; }
column() { awk -v want="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) c = i; next } c { print $1, $2, $c }' "$pheno"; }

# 1. Summary statistics from people the model never sees.
keep=()
if [ -z "$sumstats" ]; then
    column "$pheno_name" | awk -v case="$case_label" 'NR % 2 { print $1, $2, $3 == case ? 2 : 1 }' >"$work/discovery.txt"
    column "$pheno_name" | awk 'NR % 2 == 0 { print $1, $2 }' >"$work/model.keep"
    plink2 --bfile "$bfile" --keep "$work/discovery.txt" --pheno "$work/discovery.txt" \
        --glm firth-fallback allow-no-covars cols=+a1freq --out "$work/gwas" >"$work/gwas.out" 2>&1 || { tail "$work/gwas.out"; exit 1; }
    sumstats=$(ls "$work"/gwas.*.glm.logistic.hybrid)
    keep=(--keep "$work/model.keep")
    stage "GWAS on one half"
fi

# 2. The panel, and the people on it.
rm -rf "$work/data" "$work/model" "$work/model.train"
"$BIN/snpgen" prepare --bfile "$bfile" --pheno "$pheno" --pheno-name "$pheno_name" --case-label "$case_label" \
    --sumstats "$sumstats" --top "$top" --test "$test" "${keep[@]}" --trait "$case_label" --out "$work/data"
stage "prepare"

# 3. The model.
"$BIN/snpgen" train --data "$work/data" --preset "$preset" --id real --key "$work/reference.key" --out "$work/model" --quiet
stage "train"

# 4. The service.
serve_config "$work" real "$work/model" "$work/reference.key" "$port" "$root/deploy/policy-demo.toml"
key=$("$BIN/snpgend" admin key create --config "$work/snpgen.toml" --owner researcher)
serve_start "$work"
stage "serve"

# 5. The request.
job=$(request_cohort "http://127.0.0.1:$port" "$key" \
    "{\"model\":\"real\",\"cohort\":{\"cases\":$cases,\"controls\":$controls},\"seed\":7}")
fetch_release "http://127.0.0.1:$port" "$key" "$job" "$work/release"
stage "request to files"

# 6. What a researcher does with them: allele frequencies per label, beside those of the real people on the same SNPs. The
# floor is real against real: the people the model learned from against those it never saw.
cut -f2 "$work/release/cohort.bim" >"$work/panel.ids"
frequencies() { # frequencies NAME PREFIX KEEP_FILE: NAME.afreq, and no warning from PLINK
    plink2 --bfile "$2" --keep "$3" --extract "$work/panel.ids" --freq --out "$work/$1" >"$work/plink.out" 2>&1 || {
        cat "$work/plink.out" >&2
        return 1
    }
    if [ "$2" = "$work/release/cohort" ] && grep -iE '^warning' "$work/plink.out" >&2; then
        echo "plink2 warned about the released files" >&2
        return 1
    fi
}
real_people() { # real_people LABEL TRAIN: FID IID of the label's people with role train (1) or not (0)
    awk -v l="$1" -v train="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["label"] == l && ($at["role"] == "train") == train { print $1, $2 }' "$work/data/split.tsv"
}
compare() { # compare A B: r and standard deviation of the difference; the counted allele (ALT) is part of the key
    join <(awk 'NR > 1 { print $2 ":" $4, $5 }' "$work/$1.afreq" | sort) \
        <(awk 'NR > 1 { print $2 ":" $4, $5 }' "$work/$2.afreq" | sort) | awk -v want="$(wc -l <"$work/panel.ids")" '
        { n++; x += $2; y += $3; xx += $2 * $2; yy += $3 * $3; xy += $2 * $3; dd += ($2 - $3) ^ 2 }
        END {
            if (n != want) { print "only " n " of " want " SNPs agree in name and allele"; exit 1 }
            printf "r %.4f, difference %.4f", (n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y)), sqrt(dd / n)
        }'
}
echo "allele frequencies (r over SNPs, root mean square difference):"
for label in 0 1; do
    real_people $label 1 >"$work/train.$label"
    real_people $label 0 >"$work/unseen.$label"
    awk -v l=$label '$6 == l + 1 { print $1, $2 }' "$work/release/cohort.fam" >"$work/synthetic.$label"
    frequencies "train.$label" "$bfile" "$work/train.$label"
    frequencies "unseen.$label" "$bfile" "$work/unseen.$label"
    frequencies "synthetic.$label" "$work/release/cohort" "$work/synthetic.$label"
    echo "  label $label: synthetic and training people    $(compare "synthetic.$label" "train.$label")"
    echo "  label $label: synthetic and unseen people      $(compare "synthetic.$label" "unseen.$label")"
    echo "  label $label: training and unseen people       $(compare "train.$label" "unseen.$label")   (the floor)"
    # No worse than what two groups of real people agree, or than what was asked for.
    awk -v r="$(compare "synthetic.$label" "train.$label")" -v floor="$(compare "train.$label" "unseen.$label")" -v least="$least" \
        'BEGIN { split(r, a, /[ ,]+/); split(floor, b, /[ ,]+/); exit !(a[2] >= (least == "" ? b[2] : least)) }' || {
        echo "label $label: synthetic people agree less with the training people than ${least:-unseen people do}" >&2
        exit 1
    }
done
stage "PLINK"

echo "checks:"
jq -c '{state, checks}' <<<"$job"
"$BIN/snpgen" check --synthetic "$work/release/cohort" --data "$work/data"

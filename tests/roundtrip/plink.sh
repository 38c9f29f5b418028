#!/usr/bin/env bash
# Our reader, writer and simulator against PLINK 1.9 and PLINK 2: the same counts per variant, files both open without a
# warning, and a fileset that is byte for byte what PLINK itself would have written.
#   VIEW=.../plink_view SIMULATE=.../plink_simulate tests/roundtrip/plink.sh
set -euo pipefail
shared=${SG_SHARED:-$(cd "$(dirname "$0")/../../.." && pwd)/shared}
for tool in plink1.9 plink2; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-plink-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
check() { # check WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "ok: $words"; else echo "FAILED: $words"; failed=1; fi
}
quiet() { ! grep -iE 'warning|error' "$1"; }

# Counts per variant: ours from the codes in memory, theirs from --freq counts and --missing.
same_counts() { # PREFIX PLINK-OPTIONS...
    local prefix=$1
    shift
    "$VIEW" freq "$prefix" >"$work/ours"
    plink1.9 --bfile "$prefix" --keep-allele-order --freq counts --missing --out "$work/one" "$@" >/dev/null
    # .frq.counts: CHR SNP A1 A2 C1 C2 G0; .lmiss: CHR SNP N_MISS N_GENO F_MISS
    paste <(awk 'NR > 1 { print $2 "\t" $5 "\t" $5 + $6 }' "$work/one.frq.counts") \
        <(awk 'NR > 1 { print $3 }' "$work/one.lmiss") >"$work/theirs"
    cmp "$work/ours" "$work/theirs" || return 1
    plink2 --bfile "$prefix" --geno-counts --out "$work/two" "$@" >/dev/null
    # .gcount: CHROM ID REF ALT HOM_REF HET HOM_ALT HAP_REF HAP_ALT MISSING; ALT is A1 of the .bim
    awk 'NR > 1 { print $2 "\t" $6 + 2 * $7 "\t" 2 * ($5 + $6 + $7) "\t" $10 }' "$work/two.gcount" >"$work/theirs"
    cmp "$work/ours" "$work/theirs"
}

for name in hapmap3 eur_chr20 soynam; do
    prefix=$shared/data/$name/$name
    [ -r "$prefix.bed" ] || { echo "SKIP: $prefix.bed is not there"; continue; }
    options=()
    [ $name = soynam ] && options=(--chr-set 20)
    check "$name: counts and missing genotypes are PLINK's" same_counts "$prefix" --allow-no-sex "${options[@]}"
    "$VIEW" copy "$prefix" "$work/copy"
    for ending in bed bim fam; do
        check "$name.$ending is rewritten byte for byte" cmp "$prefix.$ending" "$work/copy.$ending"
    done
    plink1.9 --bfile "$work/copy" --make-bed --keep-allele-order --allow-no-sex "${options[@]}" --out "$work/one" >"$work/log1"
    check "$name.bed is what PLINK 1.9 writes" cmp "$prefix.bed" "$work/one.bed"
done

# A simulated cohort, with missing genotypes.
"$SIMULATE" "$work/sim"
check "simulated: counts are PLINK's" same_counts "$work/sim"
plink1.9 --bfile "$work/sim" --freq --pheno "$work/sim.pheno" --out "$work/s1" >"$work/log1" 2>&1
check "PLINK 1.9 opens a simulated cohort without a warning" quiet "$work/log1"
plink2 --bfile "$work/sim" --freq --pheno "$work/sim.pheno" --out "$work/s2" >"$work/log2" 2>&1
check "PLINK 2 opens a simulated cohort without a warning" quiet "$work/log2"
plink1.9 --bfile "$work/sim" --make-bed --keep-allele-order --out "$work/s3" >/dev/null
check "simulated .bed is what PLINK 1.9 writes" cmp "$work/sim.bed" "$work/s3.bed"
exit $failed

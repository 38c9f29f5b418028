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

# Kinship, missing genotypes and all: every pair and every printed digit of plink2 --make-king-table.
same_king() { # PREFIX MIN
    plink2 --bfile "$1" --make-king-table --king-table-filter "$2" --out "$work/king" >"$work/log2" 2>&1
    "$VIEW" king "$1" "$2" >"$work/king.have"
    python3 - "$work/king.kin0" "$work/king.have" <<'END'
import sys
want = {}
for line in open(sys.argv[1]):
    f = line.split()
    if not line.startswith("#"):
        want[frozenset(((f[0], f[1]), (f[2], f[3])))] = float(f[-1])
have = {frozenset(((f[0], f[1]), (f[2], f[3]))): float(f[4]) for f in (line.split() for line in open(sys.argv[2]))}
odd = [k for k in want if k not in have or abs(want[k] - have[k]) > 1e-6] + [k for k in have if k not in want]
print(len(want), "pairs,", len(odd), "differ")
sys.exit(bool(odd) or len(want) < 50)
END
}
if [ -r "$shared/data/hapmap3/hapmap3.bed" ]; then
    check "hapmap3: kinship is PLINK 2's" same_king "$shared/data/hapmap3/hapmap3" 0.02
fi
# A cohort with relatives and a duplicate: families whole on one side, the duplicate dropped or refused.
if [ -n "${SNPGEN:-}" ] && [ -r "$shared/data/hapmap3/hapmap3.bed" ]; then
    H=$shared/data/hapmap3/hapmap3
    awk 'BEGIN { OFS = "\t" } { print $1, $2, 1 + NR % 2 }' "$H.fam" >"$work/pheno"
    awk 'BEGIN { print "SNP A1 A2 BETA P" } { print $2, $5, $6, 0.1, (NR % 997 + 1) / 1000 }' "$H.bim" >"$work/sums"
    # the first person again under another name
    plink1.9 --bfile "$H" --keep <(head -1 "$H.fam") --make-bed --out "$work/one" >/dev/null 2>&1
    awk '{ $1 = "twin"; $2 = "twin"; print }' "$work/one.fam" >"$work/one.fam2" && mv "$work/one.fam2" "$work/one.fam"
    plink1.9 --bfile "$H" --bmerge "$work/one" --make-bed --out "$work/twin" >/dev/null 2>&1
    echo "twin twin 1" >>"$work/pheno"
    prepare() { "$SNPGEN" prepare --bfile "$work/twin" --pheno "$work/pheno" --sumstats "$work/sums" --top 100 --quiet "$@"; }
    relatives_heeded() {
        prepare --out "$work/kin" --json >"$work/kin.json" 2>"$work/kin.log" || { cat "$work/kin.log"; return 1; }
        "$VIEW" king "$work/twin" 0.0442 >"$work/pairs"
        python3 - "$work/kin.json" "$work/kin/split.tsv" "$work/pairs" <<'END'
import json, sys
people = json.load(open(sys.argv[1]))["people"]
kin = people["kinship"]
role = {}
for line in open(sys.argv[2]):
    f = line.split()
    role[(f[0], f[1])] = f[3]
pairs = [((f[0], f[1]), (f[2], f[3]), float(f[4])) for f in (line.split() for line in open(sys.argv[3]))]
assert people["duplicates"] == 1 and sum(("twin", "twin") == k for k in role) + (len([k for k in role if k[0] == "twin"]) == 0) == 1, people
cut = kin["cutoff"]
near = [(a, b) for a, b, k in pairs if k >= cut and a in role and b in role]
assert kin["families"] > 0 and len(near) > 0, kin
assert all(role[a] == role[b] for a, b in near), "a family straddles the split"
print(kin)
END
    }
    check "relatives are found, families stay whole, a duplicate is dropped" relatives_heeded
    refused() { ! prepare --duplicates refuse --out "$work/no" >"$work/log" 2>&1 && grep -q "1 people have the genotypes of somebody else" "$work/log"; }
    check "or refused" refused
fi

# A simulated cohort, with missing genotypes.
"$SIMULATE" "$work/sim"
check "simulated: counts are PLINK's" same_counts "$work/sim"
plink1.9 --bfile "$work/sim" --freq --pheno "$work/sim.pheno" --out "$work/s1" >"$work/log1" 2>&1
check "PLINK 1.9 opens a simulated cohort without a warning" quiet "$work/log1"
plink2 --bfile "$work/sim" --freq --pheno "$work/sim.pheno" --out "$work/s2" >"$work/log2" 2>&1
check "PLINK 2 opens a simulated cohort without a warning" quiet "$work/log2"
plink1.9 --bfile "$work/sim" --make-bed --keep-allele-order --out "$work/s3" >/dev/null
check "simulated .bed is what PLINK 1.9 writes" cmp "$work/sim.bed" "$work/s3.bed"

# The association study: our effects, errors and p of real people are those of plink2 --glm, and with missing calls those of
# plink1.9 --logistic (four digits; the standard errors of plink2 2.00a3.5 are off by up to 0.2 % where calls are missing).
same_glm() { # PREFIX
    "$SIMULATE" glm "$1" >"$work/ours"
    plink2 --bfile "$1" --glm no-firth allow-no-covars --out "$work/glm" >/dev/null 2>&1
    awk 'function gap(x) { return x < 0 ? -x : x }
         NR == FNR { b[$1] = $2; e[$1] = $3; p[$1] = $4; next }
         FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
         $(at["OR"]) != "NA" { id = $(at["ID"]); n++
             bad += gap(log($(at["OR"])) - b[id] * ($(at["A1"]) == $(at["ALT"]) ? 1 : -1)) > 1e-4 ||
                 gap($(at["LOG(OR)_SE"]) / e[id] - 1) > 1e-4 || gap(log($(at["P"]) / p[id])) > 1e-3 * (1 - log(p[id])) }
         END { printf "    %d SNPs, %d apart\n", n, bad; exit !(n > 250 && bad == 0) }' "$work/ours" "$work/glm.PHENO1.glm.logistic"
}
same_logistic() { # PREFIX
    "$SIMULATE" glm "$1" >"$work/ours"
    plink1.9 --bfile "$1" --keep-allele-order --logistic beta --ci 0.95 --allow-no-sex --out "$work/glm" >/dev/null 2>&1
    awk 'function gap(x) { return x < 0 ? -x : x }
         NR == FNR { b[$1] = $2; e[$1] = $3; p[$1] = $4; next }
         FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
         $(at["BETA"]) != "NA" { id = $(at["SNP"]); n++
             bad += gap($(at["BETA"]) - b[id]) > 1e-4 || gap($(at["SE"]) / e[id] - 1) > 1e-3 || gap($(at["P"]) / p[id] - 1) > 1e-3 }
         END { printf "    %d SNPs, %d apart\n", n, bad; exit !(n > 250 && bad == 0) }' "$work/ours" "$work/glm.assoc.logistic"
}
for name in eur_chr20 hapmap3; do
    prefix=$shared/data/$name/$name
    [ -r "$prefix.bed" ] || continue
    plink2 --bfile "$prefix" --maf 0.05 --make-bed --out "$work/all" >/dev/null
    plink2 --bfile "$work/all" --thin-count 2000 --seed 1 --make-bed --out "$work/glm" >/dev/null
    awk -v OFS='\t' '{ $6 = 1 + NR % 2; print }' "$work/glm.fam" >"$work/new" && mv "$work/new" "$work/glm.fam"
    [ $name = hapmap3 ] || check "$name: logistic regression is that of plink2" same_glm "$work/glm"
    check "$name: logistic regression is that of plink1.9" same_logistic "$work/glm"
done
exit $failed

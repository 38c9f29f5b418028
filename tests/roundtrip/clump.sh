#!/usr/bin/env bash
# The index SNPs of prepare's clumping are those of plink1.9 --clump on the same people, SNPs and real summary statistics
# (eur22loci, height); regions and distances leave out what they say. Exit 77: not run here.
set -euo pipefail
SNPGEN=${SNPGEN:-build/release/bin/snpgen}
SHARED=${SG_SHARED:-../shared}
for tool in plink1.9 awk; do command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }; done
B=$SHARED/data/eur22loci/eur22loci
S=$SHARED/data/eur22loci/height_ukb_bolt.sumstats.txt.gz
[ -f "$B.bed" ] && [ -f "$S" ] || { echo "SKIP: $B is not there"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; tail -5 "$work"/log 2>/dev/null; exit 1; }
awk '{ print $1, $2, 1 + NR % 2 }' "$B.fam" >"$work/pheno"
common=(--bfile "$B" --pheno "$work/pheno" --sumstats "$S" --col p=P_BOLT_LMM --maf 0.01 --top 65536 --quiet)
"$SNPGEN" prepare "${common[@]}" --out "$work/all" >"$work/log" 2>&1 || fail "prepare without clumping"
ids() { awk 'f { print $2 } /^chrom\t/ { f = 1 }' "$1/panel.tsv"; }
ids "$work/all" >"$work/qc.ids"
[ "$(wc -l <"$work/qc.ids")" -gt 40000 ] || fail "only $(wc -l <"$work/qc.ids") SNPs after QC"
awk 'f { print $2, $10 } /^chrom\t/ { f = 1; print "SNP P" }' "$work/all/panel.tsv" >"$work/assoc" # some are matched by position

compare() { # p1 p2 r2 kb
    "$SNPGEN" prepare "${common[@]}" --extract "$work/qc.ids" --clump-p1 "$1" --clump-p2 "$2" --clump-r2 "$3" --clump-kb "$4" \
        --out "$work/c" >"$work/log" 2>&1 || fail "prepare --clump $*"
    plink1.9 --bfile "$B" --extract "$work/qc.ids" --clump "$work/assoc" --clump-p1 "$1" --clump-p2 "$2" --clump-r2 "$3" \
        --clump-kb "$4" --out "$work/p" >"$work/plog" 2>&1 || fail "plink1.9 --clump $*"
    awk 'NF && $3 != "SNP" { print $3 }' "$work/p.clumped" | sort >"$work/want"
    ids "$work/c" | sort >"$work/have"
    cmp -s "$work/want" "$work/have" || {
        diff "$work/want" "$work/have" >"$work/log" || true
        fail "p1 $1 p2 $2 r2 $3 kb $4: $(comm -12 "$work/want" "$work/have" | wc -l) index SNPs in common of $(wc -l <"$work/want") by plink, $(wc -l <"$work/have") by snpgen"
    }
    echo "p1 $1 p2 $2 r2 $3 kb $4: the same $(wc -l <"$work/want") index SNPs"
    rm -rf "$work/c"
}
compare 1e-4 0.01 0.5 250
compare 1 1 0.1 250
compare 5e-8 0.001 0.2 1000
compare 0.01 0.01 0.8 20

# the K best index SNPs are the first K of them
"$SNPGEN" prepare "${common[@]/65536/100}" --extract "$work/qc.ids" --clump-p1 1 --clump-p2 1 --clump-r2 0.1 --clump-kb 250 --out "$work/k" \
    --json >"$work/json" 2>"$work/log" || fail "top 100"
[ "$(ids "$work/k" | wc -l)" = 100 ] || fail "top 100 gives $(ids "$work/k" | wc -l)"
python3 - "$work/json" <<'END'
import json, sys
j = json.load(open(sys.argv[1]))
v = j["variants"]
assert v["kept"] == 100 and v["clumped"] > 0 and v["not_top"] > 0, v
assert j["options"]["clump"] == {"p1": 1, "p2": 1, "r2": 0.1, "kb": 250}, j["options"]
END
# distance and regions
"$SNPGEN" prepare "${common[@]}" --min-distance 100000 --region 6,7:20000000-20500000 --exclude-region chr6:20300000-20400000 \
    --out "$work/d" >"$work/log" 2>&1 || fail "regions"
awk 'f { if ($1 == c && $4 - p < 100000) exit 1; c = $1; p = $4
         if (!($1 == 6 && ($4 < 20300000 || $4 > 20400000)) && !($1 == 7 && $4 >= 20000000 && $4 <= 20500000)) exit 2 }
     /^chrom\t/ { f = 1 }' "$work/d/panel.tsv" || fail "distance or region not kept ($?)"
[ "$(ids "$work/d" | wc -l)" -ge 10 ] || fail "only $(ids "$work/d" | wc -l) SNPs"
if "$SNPGEN" prepare "${common[@]}" --region 6:5-1 --out "$work/no" >"$work/log" 2>&1; then fail "a region backwards"; fi
grep -q '"6:5-1" is no region, want 6:25000000-34000000, 22 or hla' "$work/log" || fail "wrong words"
if "$SNPGEN" prepare "${common[@]}" --region hla --out "$work/no" >"$work/log" 2>&1; then fail "there is no HLA in this file"; fi
grep -q "outside --region or inside --exclude-region" "$work/log" || fail "wrong words"
if "$SNPGEN" prepare "${common[@]}" --clump-p1 1e-300 --out "$work/no" >"$work/log" 2>&1; then fail "p1 1e-300"; fi
grep -q "above --clump-p1" "$work/log" || fail "wrong words"

#!/usr/bin/env bash
# Real people through prepare's arithmetic and PLINK's: Hardy-Weinberg p, r2 of two kinds, who and what is left after --mind,
# --geno, --maf and --hwe, the panel's frequencies; then prepare on the published scores and tables of ../shared/data, against
# what a short Python reading of the same files expects. Tolerances stand beside each comparison: PLINK 1.9 prints four digits,
# PLINK 2 six.
#   VIEW=.../plink_view SNPGEN=.../snpgen tests/roundtrip/qc.sh
set -euo pipefail
shared=${SG_SHARED:-$(cd "$(dirname "$0")/../../.." && pwd)/shared}/data
SNPGEN=${SNPGEN:-build/release/bin/snpgen}
VIEW=${VIEW:-build/release/tests/roundtrip/plink_view}
for tool in plink1.9 plink2 python3; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
for name in hapmap3 eur22loci eur_chr20; do
    [ -r "$shared/$name/$name.bed" ] || { echo "SKIP: $shared/$name/$name.bed is not there"; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-qc-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
check() { # check WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "ok: $words"; else echo "FAILED: $words"; failed=1; fi
}
prefix() { echo "$shared/$1/$1"; }

# ours theirs TOLERANCE LEAST: "key... value" lines; the same keys, values apart by at most TOLERANCE of the larger of 1e-5 and theirs
cat >"$work/same.py" <<'END'
import sys
def table(path):
    rows = {}
    for line in open(path):
        f = line.split()
        key = tuple(f[:-1])
        assert key not in rows, key
        rows[key] = float(f[-1])
    return rows
have, want = table(sys.argv[1]), table(sys.argv[2])
tolerance, least = float(sys.argv[3]), int(sys.argv[4])
odd = [k for k in want if k not in have or not abs(have[k] - want[k]) <= tolerance * max(1e-5, abs(want[k]))]
print("    %d values, %d apart by more than %g of themselves" % (len(want), len(odd), tolerance))
for k in odd[:5]:
    print("   ", k, "PLINK", want[k], "ours", have.get(k))
sys.exit(bool(odd) or set(have) != set(want) or len(want) < least)
END
same() { python3 "$work/same.py" "$work/have" "$work/want" "$@"; }
column() { # column FILE NAMES...: these columns of a table with a header line
    awk -v names="${*:2}" '{ sub(/^#/, "") } NR == 1 { n = split(names, w); for (i = 1; i <= NF; i++) at[$i] = i; next }
        { for (i = 1; i <= n; i++) printf "%s%s", $(at[w[i]]), i < n ? " " : "\n" }' "$1"
}

# ---- Hardy-Weinberg ----
for name in hapmap3 eur22loci; do
    "$VIEW" hwe "$(prefix $name)" >"$work/have"
    plink1.9 --bfile "$(prefix $name)" --hardy --allow-no-sex --out "$work/one" >/dev/null
    column "$work/one.hwe" SNP P >"$work/want"
    check "$name: Hardy-Weinberg p is that of plink1.9" same 1e-3 10000
    plink2 --bfile "$(prefix $name)" --hardy --out "$work/two" >/dev/null
    column "$work/two.hardy" ID P >"$work/want"
    check "$name: Hardy-Weinberg p is that of plink2" same 1e-5 10000
done

# ---- r2: of haplotypes (clumping), of copies (fidelity reports) ----
plink1.9 --bfile "$(prefix eur22loci)" --chr 6,20 --maf 0.01 --thin-count 1500 --seed 3 --make-bed --out "$work/ld" >/dev/null
plink1.9 --bfile "$(prefix hapmap3)" --chr 1,2 --make-bed --out "$work/gaps" >/dev/null
for name in ld gaps; do
    "$VIEW" ld "$work/$name" 40 >"$work/pairs"
    window=(--ld-window 40 --ld-window-kb 300000 --ld-window-r2 0)
    plink1.9 --bfile "$work/$name" --r2 dprime "${window[@]}" --out "$work/h" >/dev/null
    column "$work/h.ld" SNP_A SNP_B R2 >"$work/want"
    awk '{ print $1, $2, $3 }' "$work/pairs" >"$work/have"
    check "$name: r2 of haplotypes is that of plink1.9 --r2 dprime" same 1e-3 20000
    [ $name = ld ] || continue
    plink1.9 --bfile "$work/$name" --r2 "${window[@]}" --out "$work/r" >/dev/null
    column "$work/r.ld" SNP_A SNP_B R2 >"$work/want"
    awk '{ print $1, $2, $4 }' "$work/pairs" >"$work/have"
    check "$name: squared correlation of copies is that of plink1.9 --r2" same 1e-3 20000
done

# ---- who and what is left: mind, then geno, maf and hwe in controls ----
H=$(prefix hapmap3)
awk 'NR > 1 { print $1, $2, $4 == "AFR" ? 2 : 1 }' "$H.pop" >"$work/pheno"
awk '{ s = $5 $6; if (s != "AT" && s != "TA" && s != "CG" && s != "GC") print $2 }' "$H.bim" >"$work/plain.ids"
awk 'BEGIN { print "SNP A1 A2 BETA P" } { print $2, $5, $6, 0.1, (NR % 997 + 1) / 1000 }' "$H.bim" >"$work/sums"
filter=(--geno 0.003 --maf 0.05 --hwe 0.01)
"$SNPGEN" prepare --bfile "$H" --pheno "$work/pheno" --sumstats "$work/sums" --extract "$work/plain.ids" --mind 0.003 "${filter[@]}" \
    --relatives ignore --top 65536 --quiet --out "$work/qc" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
plink1.9 --bfile "$H" --extract "$work/plain.ids" --mind 0.003 --keep-allele-order --make-bed --out "$work/mind" >/dev/null
plink1.9 --bfile "$work/mind" --pheno "$work/pheno" --allow-no-sex "${filter[@]}" --keep-allele-order --make-bed --out "$work/left" >/dev/null
panel() { awk -v c="$2" 'f { print $2, $c } /^chrom\t/ { f = 1 }' "$1/panel.tsv"; }
same_left() {
    awk 'NR > 1 { print $1, $2 }' "$work/qc/split.tsv" | sort >"$work/have"
    awk '{ print $1, $2 }' "$work/left.fam" | sort >"$work/want"
    cmp "$work/have" "$work/want" || return 1
    panel "$work/qc" 4 | sort >"$work/have.v"
    awk '{ print $2, $4 }' "$work/left.bim" | sort >"$work/want.v"
    cmp "$work/have.v" "$work/want.v" || return 1
    echo "    $(wc -l <"$work/want") of $(wc -l <"$H.fam") people, $(wc -l <"$work/want.v") of $(wc -l <"$work/plain.ids") SNPs"
    [ "$(wc -l <"$work/want")" -lt 950 ] && [ "$(wc -l <"$work/want.v")" -lt 12000 ]
}
check "the people and SNPs left by --mind --geno --maf --hwe are plink1.9's" same_left
panel "$work/qc" 7 >"$work/have"
plink2 --bfile "$work/left" --freq --out "$work/f" >/dev/null
column "$work/f.afreq" ID ALT_FREQS >"$work/want"
check "the panel's frequencies are plink2's" same 1e-5 1000

# ---- groups of like ancestry: each continent's people have nearly their share of the audit set ----
audited() { # audited STRATA SEED: squared distances of the shares audited from 0.3, over continents, by the number there
    rm -rf "$work/a"
    "$SNPGEN" prepare --bfile "$H" --pheno "$work/even" --sumstats "$work/sums" --top 2000 --relatives ignore --audit 0.3 --test 0.2 \
        --strata "$1" --seed "$2" --quiet --out "$work/a" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    awk 'FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR == FNR { population[$1, $2] = $4; next } FNR > 1 { p = population[$1, $2]; n[p]++; a[p] += $(at["audit"]) }
        END { for (p in n) d += n[p] * (a[p] / n[p] - 0.3) ^ 2; print d }' "$H.pop" "$work/a/split.tsv"
}
awk '{ print $1, $2, 1 + NR % 2 }' "$H.fam" >"$work/even"
more_even() {
    for seed in 1 2 3 4; do echo "$(audited 8 $seed) $(audited 0 $seed)"; done |
        awk '{ a += $1; b += $2 } END { printf "    %.3f with eight groups, %.3f without\n", a, b; exit !(NF == 2 && a < b / 3) }'
}
check "with --strata the audit set holds every continent in proportion" more_even

# ---- published scores and a summary table, with columns of many names ----
cat >"$work/score.py" <<'END'
"""score.py FILE BFILE FREQ ID,CHROM,POS,A1,A2,EFFECT,P: the SNPs that prepare may choose, best first, with the effect of A1 of the .bim."""
import gzip, sys
path, bfile, freq_file, names = sys.argv[1:5]
freq = {}
for line in open(freq_file):
    if not line.startswith("#"):
        f = line.split()
        freq[f[1]] = float(f[4])
names = names.split(",")
lines = (gzip.open if path.endswith("gz") else open)(path, "rt").read().split("\n")
while lines[0].startswith("#") or not lines[0].strip():
    lines.pop(0)
header = lines[0].split("\t")
at = [header.index(n) if n else -1 for n in names]
by_id, by_place = {}, {}
for line in lines[1:]:
    f = line.split("\t")
    if len(f) != len(header):
        continue
    name, chrom, pos, a1, a2, effect, p = (f[k].strip() if k >= 0 else "" for k in at)
    if not effect or not set(a1) <= set("ACGT") or not set(a2) <= set("ACGT") or not a1 or not a2:
        continue
    row = (float(p) if p else 0.0, len(by_id) + len(by_place), a1, a2, float(effect))
    by_id.setdefault(name, []).append(row) if name and name != "NA" else None
    by_place.setdefault((chrom, pos), []).append(row) if chrom and pos else None
turn = str.maketrans("ACGT", "TGCA")
places = {}
for line in open(bfile + ".bim"):
    f = line.split()
    places[f[0], f[3]] = places.get((f[0], f[3]), 0) + 1
chosen = []
for line in open(bfile + ".bim"):
    chrom, name, _, pos, b1, b2 = line.split()
    if places[chrom, pos] > 1 or {b1, b2} in ({"A", "T"}, {"C", "G"}):
        continue
    best = None
    for p, k, a1, a2, effect in sorted(by_id.get(name, []) or by_place.get((chrom, pos), [])):
        same = (a1, a2) in ((b1, b2), (b1.translate(turn), b2.translate(turn)))
        if same or (a2, a1) in ((b1, b2), (b1.translate(turn), b2.translate(turn))):
            best = (effect if same else -effect, p)
            break
    if best:
        f = freq[name]
        chosen.append((best[1] if names[6] else -2 * f * (1 - f) * best[0] ** 2, name, best[0]))
chosen.sort()
for _, name, beta in chosen:
    print(name, "%.9g" % beta)
END
score() { # score FILE NAME LEAST TOP COLUMNS OPTIONS...
    local from=$shared/scores/$1 name=$2 least=$3 top=$4 columns=$5
    shift 5
    [ -r "$from" ] || { echo "    SKIP: $from is not there"; return 0; }
    B=$(prefix "$name")
    [ -r "$work/$name.afreq" ] || plink2 --bfile "$B" --freq --out "$work/$name" >/dev/null
    [ -r "$work/$name.pheno" ] || awk '{ print $1, $2, 1 + NR % 2 }' "$B.fam" >"$work/$name.pheno"
    [ -r "$work/$name.ids" ] || awk '{ s = $5 $6; if (s != "AT" && s != "TA" && s != "CG" && s != "GC") print $2 }' "$B.bim" >"$work/$name.ids"
    rm -rf "$work/s"
    "$SNPGEN" prepare --bfile "$B" --pheno "$work/$name.pheno" --sumstats "$from" --extract "$work/$name.ids" --top "$top" --maf 0.02 \
        --geno 1 --mind 1 --hwe 0 --relatives ignore --quiet --out "$work/s" "$@" >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    panel "$work/s" 8 >"$work/have"
    awk '!/^#/ && $5 >= 0.02 && $5 <= 0.98 { print $2 }' "$work/$name.afreq" >"$work/maf"
    python3 "$work/score.py" "$from" "$B" "$work/$name.afreq" "$columns" | awk -v top="$top" \
        'NR == FNR { common[$1] = 1; next } $1 in common && n++ < top' "$work/maf" - >"$work/want"
    same 1e-5 "$least"
}
G=rsID,chr_name,chr_position,effect_allele,other_allele,effect_weight,
for name in eur22loci hapmap3; do
    check "PGS000957 on $name" score PGS000957.txt.gz $name 80 65536 $G --rank effect
    check "PGS000958 on $name, the 40 largest effects" score PGS000958.txt.gz $name 40 40 $G --rank effect
    L=SNP,,,effect_allele,other_allele,beta.outcome,pval.outcome
    check "lipids and CAD on $name, columns named" score lipid_cad_sumstats.tsv.gz $name 30 65536 $L \
        --col id=SNP,beta=beta.outcome,se=se.outcome,p=pval.outcome,freq=eaf.outcome
done
check "PGS000018 on eur_chr20, 500 of it" score PGS000018_CAD_PGS000027_BMI.chr20.txt.gz eur_chr20 500 500 \
    ,chr_name,chr_position,effect_allele,other_allele,PGS000018, --rank effect --col beta=PGS000018
check "PGS000004 on hapmap3" score PGS000004_hmPOS_GRCh37.txt hapmap3 1 65536 \
    hm_rsID,hm_chr,hm_pos,effect_allele,other_allele,effect_weight, --rank effect
check "27 SNPs of 2011 on hapmap3" score CAD2011_27snp.tsv hapmap3 1 65536 snp,,,coded.allele,noncoded.allele,coef, --rank effect
refused() { # refused WORDS ARGUMENTS...
    local words=$1
    shift
    ! "$SNPGEN" prepare --bfile "$H" --pheno "$work/pheno" --out "$work/no" "$@" >"$work/log" 2>&1 && grep -qF -- "$words" "$work/log" ||
        { cat "$work/log"; return 1; }
}
S=$shared/scores
check "a score without p is refused with advice" refused "a score without: --rank effect" --sumstats "$S/PGS000957.txt.gz"
check "no clumping without p" refused "reads no p to clump by" --sumstats "$S/PGS000957.txt.gz" --rank effect --clump-r2 0.1
check "a score without a SNP in common says where they went" refused "27 rows of summary statistics" --sumstats "$S/CAD2011_27snp.tsv" \
    --rank effect --region 22
exit $failed

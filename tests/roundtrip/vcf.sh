#!/usr/bin/env bash
# The same people as .bed, VCF (plain, gzipped, bgzipped) and BCF, made by plink2 and bcftools, give the same dataset; what is
# broken or cannot be held is said.
#   SNPGEN=... tests/roundtrip/vcf.sh
set -euo pipefail
shared=${SG_SHARED:-$(cd "$(dirname "$0")/../../.." && pwd)/shared}
SNPGEN=${SNPGEN:-build/release/bin/snpgen}
from=$shared/data/eur_chr20/eur_chr20
[ -r "$from.bed" ] || { echo "SKIP: $from.bed is not there"; exit 77; }
for tool in plink2 bcftools bgzip; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-vcf-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
check() { # check WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "ok: $words"; else echo "FAILED: $words"; failed=1; fi
}
cd "$work"
plink2 --bfile "$from" --thin-count 3000 --seed 1 --make-bed --out b >/dev/null
awk -v OFS='\t' '{ $3 = 0; print }' b.bim >b.new && mv b.new b.bim # a VCF has no centimorgans
plink2 --bfile b --export vcf id-paste=iid --out plain >/dev/null 2>&1
bgzip -c plain.vcf >bgz.vcf.gz
gzip -c plain.vcf >gz.vcf.gz
bcftools view -Ob -o x.bcf plain.vcf
sed 's/^20\t/chr20\t/; s/ID=20>/ID=chr20>/' plain.vcf >chr20.vcf
awk 'BEGIN { print "FID IID T" } { print $1, $2, 1 + NR % 2 }' b.fam >t.pheno
awk 'BEGIN { print "SNP A1 A2 BETA P" } { print $2, $5, $6, 0.1, NR / 10000 }' b.bim >t.sums
prepare() { "$SNPGEN" prepare "$@" --pheno t.pheno --sumstats t.sums --top 500 --quiet --out "d.$name" >/dev/null 2>log; }
same() { for f in panel.tsv genotypes.snpz split.tsv; do cmp "d.bed/$f" "d.$name/$f" || return 1; done; }
name=bed
prepare --bfile b
for file in plain.vcf bgz.vcf.gz gz.vcf.gz x.bcf "chr{}.vcf"; do
    name=${file%%.*}
    prepare --vcf "$file" || { cat log; failed=1; continue; }
    check "$file gives the dataset of the .bed" same
done

# Alleles that nobody carries and no statistics name, before or behind the one they do: left out and counted, nothing else changes.
awk -v OFS='\t' '!/^#/ && done < 40 && $5 !~ /^[TG]$/ { done++; if (done % 2) $5 = $5 ",T,G"
                  else { $5 = "T,G," $5; for (i = 10; i <= NF; i++) gsub(1, 3, $i) } } 1' plain.vcf >multi.vcf
name=multi
prepare --vcf multi.vcf || { cat log; failed=1; }
check "of several ALT alleles the one that the statistics name is kept" same
check "the others are counted" grep -q '"not_biallelic": 80' d.multi/prepare.json
check "and so is the choice" grep -q '"named_among_several_at_a_position": 40' d.multi/prepare.json

refused() { # refused WORDS ARGUMENTS...: fails, says the words, and nothing but one line of ours
    local words=$1
    shift
    name=bad
    if prepare "$@"; then echo "not refused"; return 1; fi
    grep -qF "$words" log && [ ! -e d.bad ] && [ "$(wc -l <log)" = 1 ] || { cat log; return 1; }
}
head -c 100000 bgz.vcf.gz >cut.vcf.gz
head -c 100000 x.bcf >cut.bcf
head -c 200000 plain.vcf >cut.vcf
bcftools view -G plain.vcf >sites.vcf
bcftools annotate -x FORMAT/GT plain.vcf 2>/dev/null >nogt.vcf || true
head -c 1000 b.bed >noise.vcf
printf '##fileformat=VCFv4.2\n##contig=<ID=1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tA\n1\t1\tr\tA\tC\t.\t.\t.\tGT\t0/0\t0/1\n' >twice.vcf
check "a cut .vcf.gz is refused" refused "the end mark of a bgzipped file is missing" --vcf cut.vcf.gz
check "a cut .bcf is refused" refused "the end mark of a bgzipped file is missing" --vcf cut.bcf
check "a cut .vcf is refused" refused "is damaged or the file is cut off there" --vcf cut.vcf
check "sites only are refused" refused "has no samples (sites only)" --vcf sites.vcf
check "no GT is refused" refused "has no GT field" --vcf nogt.vcf
check "a .bed is not a VCF" refused "is neither VCF nor BCF" --vcf noise.vcf
check "a sample twice is refused" refused "the header of a VCF cannot be read" --vcf twice.vcf
check "no file at all is told" refused "there is no such file for any of chromosomes" --vcf "none{}.vcf"
check "both inputs are one too many" refused "want one of --bfile and --vcf" --vcf plain.vcf --bfile b
exit $failed

#!/usr/bin/env bash
# snpgen simulate as a user runs it: founders from PLINK filesets, VCF and BCF, effects from tables, covariates, ancestries;
# what is broken or makes no sense is said and leaves nothing behind.
#   SNPGEN=... tests/roundtrip/simulate.sh
set -euo pipefail
shared=${SG_SHARED:-$(cd "$(dirname "$0")/../../.." && pwd)/shared}
SNPGEN=${SNPGEN:-build/release/bin/snpgen}
for tool in plink1.9 plink2 bcftools; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
[ -r "$shared/data/hapmap3/hapmap3.bed" ] || { echo "SKIP: no real data in $shared"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-simulate-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
check() { # check WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "ok: $words"; else echo "FAILED: $words"; failed=1; fi
}
cd "$work"
sim() { "$SNPGEN" simulate --people 300 --discovery 300 --trait t2d --quiet "$@"; }
plink2 --bfile "$shared/data/hapmap3/hapmap3" --chr 1-4 --thin-count 900 --seed 1 --make-bed --out hap >/dev/null
bcftools view -Ob -i 'AF > 0.1 && AF < 0.9' "$shared/data/eur_chr20/eur_chr20.phased.vcf.gz" 2>/dev/null |
    bcftools view -Ob -t 20:1000000-1300000 -o ph.bcf 2>/dev/null
[ "$(bcftools view -H ph.bcf | wc -l)" -gt 100 ] || bcftools view -Ob -q 0.1:minor -t 20:1000000-1300000 -o ph.bcf \
    "$shared/data/eur_chr20/eur_chr20.phased.vcf.gz"
bcftools view -Oz -o ph.vcf.gz ph.bcf
for c in 1 2 3; do plink2 --bfile hap --chr $c --make-bed --out hap$c >/dev/null; done

# Founders
sim --from hap --out a --json >a.json
check "missing calls of the reference are drawn and counted" grep -qE '"filled":[1-9]' a.json
check "SNPs keep names, places and alleles" eval '[ -z "$(cut -f1,2,4-6 a.bim | sort | comm -23 - <(cut -f1,2,4-6 hap.bim | sort))" ]'
check "everybody is new and nothing is missing" eval 'cut -f2 a.fam | grep -vq "^NA" && plink2 --bfile a --geno-counts --out a >/dev/null &&
    [ "$(awk "NR > 1 { n += \$NF } END { print n + 0 }" a.gcount)" = 0 ]'
sim --from hap --out b --threads 1 >/dev/null
sim --from hap --out c --threads 3 >/dev/null
for e in bed bim fam pheno covar sumstats.tsv truth.tsv; do
    check "the bytes of .$e do not depend on threads" cmp b.$e c.$e
done
sim --from ph.bcf --out d --json >d.json
check "phases of a BCF are used" grep -q '"phased":"by the file"' d.json
sim --from ph.vcf.gz --out e >/dev/null
check "a VCF gives what its BCF gives" cmp d.bed e.bed
sim --from "hap{}" --out f --json >f.json
check "one file per chromosome gives the chromosomes there are" eval '[ "$(cut -f1 f.bim | sort -u | tr "\n" " ")" = "1 2 3 " ]'
sim --from hap --snps 100 --out g --json >g.json
check "--snps takes as many as asked for" eval '[ "$(wc -l <g.bim)" = 100 ]'
check "frequencies follow the reference" eval 'plink2 --bfile hap --freq --out h >/dev/null && plink2 --bfile a --freq --out i >/dev/null &&
    paste <(awk "NR == FNR { f[\$2] = \$5; next } FNR > 1 { print f[\$2], \$5 }" h.afreq i.afreq) |
    awk "{ n++; x += \$1; y += \$2; xx += \$1 * \$1; yy += \$2 * \$2; xy += \$1 * \$2 }
         END { r = (xy - x * y / n) / sqrt((xx - x * x / n) * (yy - y * y / n)); exit !(n > 500 && r > 0.97) }"'

# Effects, pairs, covariates, ancestries
awk 'BEGIN { print "ID effect_allele other_allele effect_weight" } NR % 10 == 5 { print $2, $5, $6, 0.1 }' hap.bim >eff.txt
gzip -k eff.txt
sim --from hap --effects eff.txt.gz --maf 0.05 --out j --json >j.json
check "effects of a gzipped score are used" eval 'grep -qE "\"effects\":[1-9]" j.json && [ "$(grep -vc "^#\|^SNP" j.truth.tsv)" -gt 50 ]'
check "effects keep their proportions" eval '[ "$(grep -v "^#\|^SNP" j.truth.tsv | cut -f7 | sort -u | wc -l)" = 1 ]'
sim --snps 1000 --out k --ancestries 3 --fst 0.2 --interactions 5 --age-effect 0.3 --sex-effect 0.2 --ancestry-effect 0.2 \
    --case-fraction 0.5 >/dev/null
check "pairs and covariates are written" eval '[ "$(grep -vc "^#\|^SNP" k.pairs.tsv)" = 5 ] &&
    [ "$(head -1 k.covar)" = "#FID	IID	SEX	AGE	ANCESTRY	PC1	PC2" ]'
check "plink2 takes phenotype and covariates without a warning" eval 'plink2 --bfile k --pheno k.pheno --covar k.covar \
    --covar-name SEX,AGE,PC1,PC2 --covar-variance-standardize --glm hide-covar allow-no-covars --out k >k.log 2>&1 && ! grep -iE "warning|error" k.log'
check "PCA sees the ancestries" eval 'plink2 --bfile k --maf 0.05 --pca 2 --out k >/dev/null 2>&1 &&
    paste <(sed 1d k.covar | cut -f5) <(sed 1d k.eigenvec | cut -f3,4) | awk "{ n[\$1]++; a[\$1] += \$2; b[\$1] += \$3; s += \$2 * \$2 + \$3 * \$3 }
        END { for (k in n) m += (a[k] * a[k] + b[k] * b[k]) / n[k]; exit !(m / s > 0.8) }"'

# What is refused
refused() { # refused CODE WORDS ARGUMENTS...
    local want=$1 words=$2 code=0
    shift 2
    sim --out bad "$@" >log 2>&1 || code=$?
    [ $code = "$want" ] && grep -qF -- "$words" log && ! ls | grep -q '^bad' || { echo "exit $code"; cat log; ls | grep '^bad'; return 1; }
}
check "no SNPs and no founders" refused 1 "want --snps, or --from with founders"
check "founders that are not there" refused 1 "nowhere.fam: no such file" --from nowhere
check "a shape nobody knows" refused 1 'want normal, exponential or equal' --snps 100 --effect-shape big
check "ancestries of a reference" refused 1 "with a reference give one ancestry" --from hap --ancestries 2
check "F_ST of 2" refused 2 '--fst is "2", want a number from 0 to 0.9' --snps 100 --fst 2
check "more explained than there is" refused 1 "together make up more than 0.999" --snps 100 --h2 0.9 --age-effect 0.5
check "too many pairs" refused 1 "too few causal SNPs lie at different loci" --snps 20 --locus 20 --interactions 3
plink2 --bfile hap --max-maf 0.2 --make-bed --out low >/dev/null
check "a frequency nobody reaches" refused 1 "reaches a frequency of 0.3" --from low --maf 0.3
awk 'NR > 1' eff.txt >nohead.txt
check "effects without a header" refused 1 "no column for" --from hap --effects nohead.txt
printf 'SNP A1 A2 BETA\nnobody A G 1\n' >none.txt
check "effects of nobody" refused 1 "none of 1 effects is for one of the" --from hap --effects none.txt
printf 'SNP A1 A2 BETA\n' >empty.txt
check "no effects at all" refused 1 "none of 0 effects" --from hap --effects empty.txt
for e in bed bim fam; do cp hap.$e rev.$e; done
awk -v OFS='\t' 'NR == 20 { $4 = 1 } 1' hap.bim >rev.bim
check "founders out of order" refused 1 "founders must be in genome order" --from rev
awk -v OFS='\t' '{ $1 = "X" } 1' hap.bim >rev.bim
check "founders on X alone" refused 1 "no variant on chromosomes 1 to 22" --from rev
head -c 1000 hap.bed >rev.bed
cp hap.bim rev.bim
check "a .bed cut off" refused 1 "rev.bed" --from rev
head -c 3000 ph.vcf.gz >cut.vcf.gz
check "a VCF cut off" refused 1 "is cut off" --from cut.vcf.gz
check "a folder that is not there" eval '! sim --snps 100 --out no/such/x >log 2>&1 && grep -q "cannot write: No such file" log'
"$SNPGEN" simulate --people 2000000 --snps 2000 --discovery 20 --trait t2d --out bad --quiet >log 2>&1 &
pid=$!
sleep 1.5
kill -TERM $pid
wait $pid && code=0 || code=$?
check "stopped half way: nothing temporary is left" eval '[ $code = 1 ] && ! ls | grep -q "^bad.*tmp-"'
exit $failed

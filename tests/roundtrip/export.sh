#!/usr/bin/env bash
# Every format we write, of real people, opened by the tools of the field without a warning and turned back into the same
# genotypes: PLINK 1 is what PLINK itself writes, byte for byte; VCF, BCF and PLINK 2 become that fileset again.
#   EXPORT=.../export_files tests/roundtrip/export.sh
set -euo pipefail
shared=${SG_SHARED:-$(cd "$(dirname "$0")/../../.." && pwd)/shared}
EXPORT=${EXPORT:-build/release/tests/roundtrip/export_files}
for tool in plink1.9 plink2 bcftools tabix /usr/bin/python3; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
[ -r "$shared/data/hapmap3/hapmap3.bed" ] || { echo "SKIP: no real data in $shared"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-export-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
check() { # check WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "ok: $words"; else echo "FAILED: $words"; failed=1; fi
}
silent() { # runs; fails when it fails or says a warning or an error
    "$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
    ! grep -iE 'warning|error|\[W::|\[E::' "$work/said"
}
same_text() { cmp <("${@:3}" "$1") <("${@:3}" "$2"); }
cd "$work"

numpy_says() { # counts of A1 by numpy from the array, by plink2 from the .bed
    /usr/bin/python3 - "$1" <<'PY' || return $?
import sys
try:
    import numpy as np
except ImportError:
    sys.exit(77)
p = sys.argv[1]
g, y = np.load(p + ".npy"), np.load(p + ".labels.npy")
assert g.dtype == np.int8 and y.dtype == np.int8 and len(y) == len(g)
want = [l.split() for l in open(p + ".gcount")][1:]
assert g.shape[1] == len(want)
for v, w in enumerate(want):  # CHROM ID REF ALT HOM_REF HET HOM_ALT HAP_REF HAP_ALT MISSING
    got = [int((g[:, v] == k).sum()) for k in (0, 1, 2, 3)]
    assert got == [int(w[4]), int(w[5]), int(w[6]), int(w[9])], (v, got, w)
assert list(y) == [int(l.split()[2]) - 1 for l in open(p + ".pheno").read().split("\n")[1:-1]]
PY
}

one() { # NAME COUNTED
    local name=$1 counted=$2
    rm -f x.* y.* own.*
    check "$name: written and read back by us" silent "$EXPORT" "$name" plink,vcf,bcf,npy,pgen x "$counted" 2
    check "$name.bed and .bim are the input's, byte for byte" eval "cmp $name.bed x.bed && cmp $name.bim x.bim"
    check "$name: nothing temporary is left" eval '! ls | grep -q "tmp-\|genotypes"'
    # PLINK 1
    check "plink1.9 opens it" silent plink1.9 --bfile x --pheno x.pheno --allow-no-sex --keep-allele-order --make-bed --out y
    check "plink1.9 writes the same .bed" cmp x.bed y.bed
    check "plink2 opens it" silent plink2 --bfile x --pheno x.pheno --geno-counts --out x
    # PLINK 2
    check "plink2 --validate" silent plink2 --pfile x --validate
    check "plink2 opens .pgen" silent plink2 --pfile x --make-bed --out y
    check "$name.pgen becomes the .bed again, with its .bim" eval 'cmp x.bed y.bed && cmp x.bim y.bim'
    check "$name.psam becomes the .fam again" cmp x.fam y.fam
    # VCF and BCF
    for f in x.vcf.gz x.bcf; do
        check "bcftools reads $f" silent bcftools stats -s - $f
        cp $f own.$f
        check "bcftools makes the same index of $f" eval "bcftools index $([ $f = x.bcf ] || echo -t) own.$f && cmp own.$f.* $f.*i"
        check "plink2 opens $f" silent plink2 "--$(sed 's/x.//; s/.gz//' <<<$f)" $f --double-id --update-sex x.fam col-num=5 \
            --pheno x.pheno --make-bed --out y
        check "$f becomes the .bed again" cmp x.bed y.bed
        check "$f keeps IDs, places and alleles" cmp <(cut -f1,2,4-6 x.bim) <(cut -f1,2,4-6 y.bim)
        check "$f says that it is synthetic" eval "bcftools view -h $f | grep -q '^##synthetic=These people do not exist'"
    done
    check "VCF and BCF are the same" cmp <(bcftools view -H x.vcf.gz) <(bcftools view -H x.bcf)
    check "any place of the VCF is found" eval \
        "[ -n \"\$(tabix x.vcf.gz \"$(awk 'NR == 100 { print $1 ":" $4 "-" $4 }' x.bim)\" 2>&1 | head -c 20)\" ]"
    check "no index is older than its file" eval '[ ! x.vcf.gz -nt x.vcf.gz.tbi ] && [ ! x.bcf -nt x.bcf.csi ]'
    numpy_says x && code=0 || code=$?
    [ $code = 77 ] && echo "SKIP: numpy is not there" || check "numpy counts what plink2 counts" [ $code = 0 ]
}

plink2 --bfile "$shared/data/hapmap3/hapmap3" --thin-count 1500 --seed 1 --make-bed --out hapmap >/dev/null
plink2 --bfile "$shared/data/eur_chr20/eur_chr20" --thin-count 1500 --seed 1 --make-bed --out chr20 >/dev/null
plink2 --bfile "$shared/data/eur22loci/eur22loci" --thin-count 777 --seed 1 --make-bed --out loci >/dev/null
one hapmap a1 # 957 people of real missing calls: a last byte of one person
one chr20 a2  # sequence density, insertions and deletions; a panel that counts A2
one loci a1   # all autosomes, 489 people

# The bytes do not depend on threads, nor on how many people come at a time.
"$EXPORT" loci plink,vcf,bcf,npy,pgen one a1 1 64
for e in bed bim fam vcf.gz vcf.gz.tbi bcf bcf.csi npy labels.npy pgen pvar psam pheno; do
    check "one thread and groups of 64 write the same .$e" cmp "x.$e" "one.$e"
done

# A format alone needs no other.
for f in vcf bcf npy pgen; do
    mkdir only && "$EXPORT" loci $f only/x && ls only >files
    check "$f alone: nothing temporary is left" eval '! grep -q "tmp-\|genotypes" files'
    rm -r only
done

refused() { # refused WORDS ARGUMENTS...
    local words=$1
    shift
    if "$EXPORT" "$@" >log 2>&1; then echo "not refused"; return 1; fi
    grep -qF "$words" log && ! ls | grep -q '^bad' || { cat log; ls bad*; return 1; }
}
check "an unknown format is refused" refused 'format "vcff" is not known, want one or more of plink, vcf, bcf, npy, pgen' \
    loci vcff bad
check "a format twice is refused" refused 'format "npy" is given twice' loci npy,npy bad
cp loci.bed rev.bed; cp loci.fam rev.fam; awk -v OFS='\t' 'NR == 5 { $4 = 7 } 1' loci.bim >rev.bim
check "a VCF out of order is refused" refused 'an indexed VCF is in genome order' rev vcf bad
awk -v OFS='\t' 'NR == 5 { $5 = "<DEL>" } 1' loci.bim >rev.bim
check "a symbolic allele is refused" refused 'variant 5: A1 becomes ALT of a VCF' rev bcf bad
(ulimit -f 100; trap '' XFSZ; "$EXPORT" loci plink,vcf,npy bad) >log 2>&1 && code=0 || code=$?
check "a full disk leaves nothing behind" eval '[ $code = 1 ] && grep -q "cannot write" log && ! ls | grep -q "^bad"'
exit $failed

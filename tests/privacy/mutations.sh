#!/usr/bin/env bash
# Breaks the gate on purpose, once per line of the list below, and expects its tests to fail each time: a rule that can be dropped
# without a red test is not tested. Works on a copy of the sources; slow (it compiles and tests once per break).
#   tests/privacy/mutations.sh [NAME...]     only the breaks whose names contain one of the words
# Prints one line per break; exits 1 when one survives. A break that no longer applies to the source is an error: mend the list.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/snpgen-mutations-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
tar -C "$source_dir" --exclude=./build --exclude=./.git -cf - . | tar -C "$work/src" -xf -
cd "$work/src"
tests=(privacy_gate privacy_attacks privacy_verdict privacy_rates privacy_canaries)
targets=("${tests[@]/#/test_}")
cmake -S . -B ../build -G Ninja -DCMAKE_BUILD_TYPE=Release -DSG_TESTS=ON >/dev/null

run_tests() { # prints the first test that fails; status 0 when one does
    local t
    for t in "${tests[@]}"; do
        if ! SG_SHARED="$source_dir/../shared" CK_DEFAULT_TIMEOUT=0 timeout 900 "$program_dir/test_$t" >"$work/log" 2>&1; then
            echo "$t: $(grep -oE '[FE]:[a-z_]+:[A-Za-z0-9_]+' "$work/log" | head -1)"
            return 0
        fi
    done
    return 1
}

ninja -C ../build "${targets[@]}" >"$work/ninja" 2>&1 || { tail -20 "$work/ninja"; exit 1; }
program_dir=$(dirname "$(find "$work/build" -name test_privacy_gate -type f | head -1)")
if run_tests; then
    echo "the tests fail before anything is broken"
    exit 1
fi

survived=0
# mutate NAME FILE FROM TO: the first occurrence of the fixed text FROM becomes TO.
mutate() {
    local name=$1 file=core/$2 word wanted=${#only[@]}
    for word in ${only[@]+"${only[@]}"}; do
        [[ $name == *"$word"* ]] && wanted=0
    done
    [ "$wanted" = 0 ] || return 0
    cp "$file" "$work/kept"
    FROM=$3 TO=$4 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
    if cmp -s "$file" "$work/kept"; then
        echo "$name: $file does not hold \"$3\" any more"
        exit 1
    fi
    if ! ninja -C ../build "${targets[@]}" >"$work/ninja" 2>&1; then
        echo "$name: does not compile"
        tail -20 "$work/ninja"
        exit 1
    fi
    local killer
    if killer=$(run_tests); then
        printf 'killed    %-58s %s\n' "$name" "$killer"
    else
        printf 'SURVIVED  %s\n' "$name"
        survived=1
    fi
    cp "$work/kept" "$file"
}
only=("$@")

# ---- a rule is dropped ----
for rule in hygiene identical_match near_copy closest_record kinship block_replay internal nearest frequency dense inference linking budget \
    distance_ratio published; do
    mutate "without the check $rule" privacy/judge.c "{\"$rule\"" "{\"none.$rule\""
done
mutate "the worst finding does not decide" privacy/judge.c "decided.status == SG_OUTCOME_FAIL" "decided.status == SG_OUTCOME_PASS"
mutate "a copied row is withheld, not failed" privacy/check_identical.c 'SG_OUTCOME_FAIL, "identical_match"' 'SG_OUTCOME_WITHHOLD, "identical_match"'
mutate "a relative is withheld, not failed" privacy/check_related.c 'SG_OUTCOME_FAIL, "related"' 'SG_OUTCOME_WITHHOLD, "related"'
mutate "block replay is no leak" privacy/check_blocks.c 'SG_OUTCOME_FAIL, "block_replay"' 'SG_OUTCOME_PASS, "block_replay"'
mutate "near copies need two" privacy/check_closest.c "flagged > 1 || confirmed > 0" "flagged > 1 || confirmed > 1"
mutate "a confirmed near copy is withheld" privacy/check_closest.c "confirmed > 0 ? SG_OUTCOME_FAIL" "confirmed > 0 ? SG_OUTCOME_WITHHOLD"
mutate "being too close never fails" privacy/check_closest.c "p < p_fail ? SG_OUTCOME_FAIL" "p < p_fail ? SG_OUTCOME_WITHHOLD"
mutate "no threshold passes" privacy/check_closest.c 'return (sg_decision){0, SG_OUTCOME_WITHHOLD, "check_failed"}' 'return (sg_decision){0, SG_OUTCOME_PASS, ""}'
mutate "a leaked attribute is withheld" privacy/attack_inference.c 'SG_OUTCOME_FAIL, "attribute_leak"' 'SG_OUTCOME_WITHHOLD, "attribute_leak"'
mutate "singling out is withheld" privacy/attack_inference.c 'SG_OUTCOME_FAIL, "singling_out"' 'SG_OUTCOME_WITHHOLD, "singling_out"'
mutate "a check that failed passes" privacy/judge.c 'SG_OUTCOME_WITHHOLD, "check_failed"' 'SG_OUTCOME_PASS, ""'
mutate "missing genotypes are judged" privacy/judge.c 'return "missing_genotypes"' 'return NULL'
mutate "too few people are judged" privacy/judge.c 'return "too_few_reference"' 'return NULL'

# ---- members and the others are confused ----
mutate "areas: members and evaluation people swapped" privacy/membership.c \
    "sg_auc_delong(x->member, x->n_member, x->other, x->n_other" "sg_auc_delong(x->other, x->n_other, x->member, x->n_member"
mutate "rates: members and evaluation people swapped" privacy/membership.c \
    "memcpy(o->member, x->member, (size_t)x->n_member * sizeof(double));" \
    "memcpy(o->member, x->other, (size_t)(x->n_member < x->n_other ? (o->n_member = x->n_member) : (o->n_member = x->n_other)) * sizeof(double));"
mutate "validation people are the members" privacy/evidence.c \
    "*train = &ref->people[SG_ROLE_TRAIN], *val = &ref->people[SG_ROLE_VAL];
    *e =" "*train = &ref->people[SG_ROLE_VAL], *val = &ref->people[SG_ROLE_TRAIN];
    *e ="
mutate "the calibration half evaluates" privacy/evidence.c "sg_sweep_pairs(&m->eval, cohort" "sg_sweep_pairs(&m->calib, cohort"
mutate "sealed halves are swapped" privacy/evidence.c "SG_MARK_CALIBRATION) != 0" "SG_MARK_CALIBRATION) == 0"
mutate "matches with validation people do not count" privacy/check_identical.c "equal_to(to_train, to_val, e->n_s)" "equal_to(to_train, NULL, e->n_s)"
mutate "linkability: evaluation people as members" privacy/attack_inference.c \
    "some_of(&e->ref->people[SG_ROLE_TRAIN], policy->attacks, 201" "some_of(&e->known->eval, policy->attacks, 201"
mutate "singling out: at least one instead of exactly one" privacy/attack_inference.c "return found == 1;" "return found >= 1;"

# ---- the reference or the cohort is sampled ----
mutate "every second member is looked at" privacy/evidence.c "SG_TRY(sg_sweep_pairs(train, cohort, &o, run, a, &e->train, err));" \
    "sg_people every_second = *train;
    SG_TRY(sg_people_new(train->n_sample, train->n_variant, a, &every_second, err));
    for (int64_t i = 0; i < train->n_sample; i++)
        memcpy(every_second.plane + i * 2 * train->n_word, train->plane + i / 2 * 4 * train->n_word, (size_t)train->n_word * 16);
    SG_TRY(sg_sweep_pairs(&every_second, cohort, &o, run, a, &e->train, err));"
mutate "half of the cohort is not looked up among real people" privacy/check_identical.c \
    "equal_to(to_train, to_val, e->n_s)" "equal_to(to_train, to_val, e->n_s / 2)"
mutate "one reading of both cohorts in the union" privacy/judge.c "if (out->prefix && !checks[i].on_union)" "if (out->prefix)"

# ---- a bound is moved or a statistic is wrong ----
mutate "Holm corrects nothing" privacy/stats.c "p[best] <= alpha / left" "p[best] <= alpha"
mutate "areas are judged by their estimate" privacy/membership.c "const double se = r.se < 1e-9 && fabs(r.auc - 0.5) < 1e-9 ? NAN : fmax(r.se, null_se);" \
    "const double se = r.se < 1e-9 && fabs(r.auc - 0.5) < 1e-9 ? NAN : 1e-6 * null_se;"
mutate "an attack that saw nothing passes" privacy/membership.c "fabs(r.auc - 0.5) < 1e-9 ? NAN : fmax" "fabs(r.auc - 0.5) < 1e-9 ? null_se : fmax"
exit $survived

#!/usr/bin/env bash
# Installs packages, builds with tests, runs them all. Safe to run twice.
#   tests/run.sh          what CI runs: lint, every test that takes seconds, sanitizers, valgrind, fuzz targets for a moment
#   tests/run.sh --slow   and the suites labelled slow
set -euo pipefail
cd "$(dirname "$0")/.."
slow=0
for arg in "$@"; do
    case $arg in
        --slow) slow=1 ;;
        *) echo "usage: tests/run.sh [--slow]" >&2; exit 2 ;;
    esac
done
started=$SECONDS
say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }
jobs=$(nproc)

# A test that fails is run once more, alone. Passing then, it does not stop a release, but it is named: it depends on the time.
unsteady=
run_tests() { # preset, what to leave out, how many at once
    ctest --preset "$1" --no-tests=error -LE "$2" -j "$3" --output-on-failure && return
    local failed
    failed=$(sed 's/^[0-9]*://' "build/$1/Testing/Temporary/LastTestsFailed.log" | tr '\n' ' ')
    say "again, alone: $failed"
    ctest --preset "$1" --rerun-failed -j 1 --output-on-failure
    unsteady="$unsteady $failed"
}

say "packages"
./deploy/packages.sh build test

say "build"
cmake --preset release -DSG_TESTS=ON >/dev/null # quickstart.sh builds without
cmake --build --preset release -j "$jobs"

say "tests"
skip='slow|bench'
[ $slow = 1 ] && skip=bench
run_tests release "$skip" 1

say "address and undefined-behaviour sanitizers"
cmake --preset asan >/dev/null
cmake --build --preset asan -j "$jobs"
run_tests asan 'slow|bench|lint|release' "$jobs"

say "valgrind"
./tests/valgrind.sh build/release

say "fuzz targets, a moment each"
./tests/fuzz/run.sh "${SG_FUZZ_SECONDS:-5}"

say "static analysis"
./tests/lint/cppcheck.sh

say "all green${unsteady:+; failed once and passed alone:$unsteady}"

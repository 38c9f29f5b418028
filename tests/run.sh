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

say "packages"
./deploy/packages.sh build test

say "build"
cmake --preset release -DSG_TESTS=ON >/dev/null # quickstart.sh builds without
cmake --build --preset release -j "$jobs"

say "tests"
skip='slow|bench'
[ $slow = 1 ] && skip=bench
ctest --preset release --no-tests=error -LE "$skip" -j 1 --output-on-failure

say "address and undefined-behaviour sanitizers"
cmake --preset asan >/dev/null
cmake --build --preset asan -j "$jobs"
ctest --preset asan --no-tests=error -LE 'slow|bench|lint|release' -j "$jobs" --output-on-failure

say "valgrind"
./tests/valgrind.sh build/release

say "fuzz targets, a moment each"
./tests/fuzz/run.sh "${SG_FUZZ_SECONDS:-5}"

say "static analysis"
./tests/lint/cppcheck.sh

say "all green"

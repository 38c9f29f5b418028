#!/usr/bin/env bash
# Builds the fuzz targets (clang) and runs each for SECONDS over its corpus. New findings are kept in build/fuzz/findings/.
#   tests/fuzz/run.sh [SECONDS] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-10}
shift || true
command -v clang >/dev/null || { echo "SKIP: clang is not installed, the fuzz targets were not run"; exit 0; }
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$(nproc)" | tail -1
mkdir -p build/fuzz/findings
passed=0
failed=0
while read -r program; do
    name=${program##*/fuzz_}
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
        continue
    fi
    # The corpus in the repository is read; what the run discovers goes to a scratch copy.
    scratch=build/fuzz/corpus/$name
    mkdir -p "$scratch"
    dirs=("$scratch")
    [ -d "tests/fuzz/corpus/$name" ] && dirs+=("tests/fuzz/corpus/$name")
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/findings/$name-" \
        "${dirs[@]}" >"build/fuzz/$name.log" 2>&1; then
        passed=$((passed + 1))
        echo "$name: $(grep -oE 'Done [0-9]+ runs' "build/fuzz/$name.log" | tail -1)"
    else
        failed=$((failed + 1))
        echo "$name: FAILED"
        tail -30 "build/fuzz/$name.log"
    fi
done < <(find build/fuzz/tests/fuzz -maxdepth 1 -type f -executable -name 'fuzz_*' | sort)
echo "fuzz: $passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]

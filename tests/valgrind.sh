#!/usr/bin/env bash
# Runs the fast unit tests of a build under valgrind: no error, nothing definitely lost.
#   tests/valgrind.sh BUILD_DIR
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: tests/valgrind.sh BUILD_DIR}
passed=0
failed=0
skipped=0
export CK_FORK=no CK_DEFAULT_TIMEOUT=0 SG_SHARED="$PWD/../shared"
while read -r program; do
    name=${program##*/}
    # What the emulator makes too slow has its own sanitizer run; the reason stands beside each name.
    if grep -q "^${name}\b" tests/valgrind.skip 2>/dev/null; then
        skipped=$((skipped + 1))
        continue
    fi
    if valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite "$program" >/tmp/valgrind.$$ 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "valgrind: $name failed"
        tail -40 /tmp/valgrind.$$
    fi
done < <(find "$build/tests/unit" -maxdepth 1 -type f -executable -name 'test_*' | sort)
rm -f /tmp/valgrind.$$
echo "valgrind: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]

#!/usr/bin/env bash
# Every C file is as clang-format 14 leaves it, and no tab, trailing blank or leftover marker is in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || { echo "SKIP: clang-format is not installed"; exit 77; }
mapfile -t files < <(git ls-files 'core/*.[ch]' 'server/*.[ch]' 'tests/*.[ch]' 'core/*.cpp' 'server/*.cpp')
bad=0
clang-format --dry-run -Werror "${files[@]}" 2>&1 | grep -E 'error' | head -40 && bad=1
grep -nP '\t| +$' "${files[@]}" | head -20 && bad=1
grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "${files[@]}" | head -20 && bad=1
[ $bad = 0 ] && echo "format: ${#files[@]} files clean"
exit $bad

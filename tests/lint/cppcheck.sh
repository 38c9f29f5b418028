#!/usr/bin/env bash
# cppcheck over core and server; warnings and portability fail, style does not.
set -euo pipefail
cd "$(dirname "$0")/../.."
cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 --max-configs=1 -j "$(nproc)" \
    --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches -D__x86_64__ -DSG_VERSION='"0"' -I core -I server core server
echo "cppcheck: clean"

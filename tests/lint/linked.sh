#!/usr/bin/env bash
# The HTTP process reads verdicts and never makes one: no library that computes may be loaded into it.   linked.sh SNPGEND
set -euo pipefail
[ -x "$1" ] || { echo "SKIP: there is no $1"; exit 77; }
libraries=$(ldd "$1")
bad=$(grep -E 'openblas|gfortran|quadmath|dnnl|gomp|xgboost|libhts' <<<"$libraries" || true)
[ -z "$bad" ] || { echo "$1 loads what only the worker may need:"; echo "$bad"; exit 1; }

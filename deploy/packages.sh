#!/usr/bin/env bash
# Installs what snpgen needs on Debian 12, by purpose: build (default), demo, test. Safe to run twice; without root it only
# checks and says what is missing.
#   deploy/packages.sh build demo test
set -euo pipefail

build="build-essential cmake ninja-build pkg-config libjansson-dev libopenblas-dev libssl-dev libsqlite3-dev
       libmicrohttpd-dev libtomlplusplus-dev liblbfgs-dev zlib1g-dev libhts-dev libdnnl-dev libxgboost-dev libcurl4-gnutls-dev ca-certificates python3 python3-yaml"
demo="curl jq plink2"
test="check plink1.9 plink2 bcftools tabix python3-numpy curl jq openssl sqlite3 valgrind clang clang-format cppcheck libclang-rt-14-dev procps util-linux git"

want=()
for purpose in "${@:-build}"; do
    case $purpose in
        build) want+=($build) ;;
        demo) want+=($demo) ;;
        test) want+=($test) ;;
        *) echo "packages.sh: \"$purpose\" is not build, demo or test" >&2; exit 2 ;;
    esac
done

missing=()
for package in "${want[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo=sudo
    else
        echo "packages.sh: these packages are missing; as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
${sudo:-} apt-get update -qq
${sudo:-} apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

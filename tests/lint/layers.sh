#!/usr/bin/env bash
# Reads every include line below core/ and server/ and fails on one that layers.txt does not allow.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t files < <(find core server -name '*.[ch]' -o -name '*.cpp' -o -name '*.hpp' | sort)
awk '
FILENAME == "tests/lint/layers.txt" {
    if (/^#/ || !NF) next
    key = $1; sub(/:$/, "", key)
    for (i = 2; i <= NF; i++) may[key, $i] = 1
    if (key ~ /^</) foreign[key] = 1; else known[key] = 1
    next
}
/^[ \t]*#[ \t]*include/ {
    folder = FILENAME; sub(/\/[^\/]*$/, "", folder)
    if (!(folder in known)) { bad++; if (!said[folder]++) print folder ": not in tests/lint/layers.txt"; next }
    if (match($0, /"[^"]+"/)) {
        name = substr($0, RSTART + 1, RLENGTH - 2)
        n = split(name, part, "/")
        own = folder; sub(/^.*\//, "", own)
        if (n > 1 && part[1] != own && !((folder, part[1]) in may)) { print FILENAME ":" FNR ": " folder " may not include " name; bad++ }
    } else if (match($0, /<[^>]+>/)) {
        name = substr($0, RSTART, RLENGTH)
        for (f in foreign)
            if (index(name, f) == 1 && !((f, folder) in may)) { print FILENAME ":" FNR ": " folder " may not include " name; bad++ }
    }
}
END { if (bad) { print bad " include lines break the layers"; exit 1 } print "layers: every include line is allowed" }' tests/lint/layers.txt "${files[@]}"

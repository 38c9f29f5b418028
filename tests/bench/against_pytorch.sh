#!/bin/sh
# snpgen against PyTorch (shared/yardstick) on the same shapes, taken in turns on the same machine; prints ratios.
# Usage: against_pytorch.sh BUILD_DIR [rounds]. PyTorch's figure is its best over 1 and 2 threads and all rounds; so is
# ours. SKIPPED where torch or the yardstick is absent.
set -eu
build=$1
rounds=${2:-2}
shared=${SG_SHARED:-$(dirname "$0")/../../../shared}
python=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import torch' 2>/dev/null; then
        python=$p
        break
    fi
done
if [ -z "$python" ] || [ ! -f "$shared/yardstick/speed.py" ]; then
    echo "SKIPPED: no torch, or no yardstick below $shared"
    exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
i=0
while [ "$i" -lt "$rounds" ]; do
    i=$((i + 1))
    for threads in 1 2; do
        "$python" "$shared/yardstick/speed.py" "$threads" >>"$dir/torch"
    done
    "$build/bin/snpgen" bench --threads "$(nproc)" --json --quiet --memory 4096 >>"$dir/ours"
done
"$python" - "$dir" <<'END'
import json, re, sys
torch = open(sys.argv[1] + "/torch").read()
best = {"cohort": max(map(float, re.findall(r"50 steps ([\d.]+) people/s", torch))),
        "unet": max(map(float, re.findall(r"unet ([\d.]+) people/s", torch))),
        "vae": max(map(float, re.findall(r"vae ([\d.]+) people/s", torch)))}
ours = {}
for line in open(sys.argv[1] + "/ours"):
    for f in json.loads(line)["figures"]:
        key = (f["name"], f["precision"])
        ours[key] = max(ours.get(key, 0), f["value"])
rows = [("50 guided Euler steps + decode", "euler, 50 guided steps + decode", "cohort", 3.5, 6),
        ("dpmpp2m, 15 guided steps + decode", "dpmpp2m, 15 guided steps + decode", "cohort", 12, 20),
        ("U-Net training step", "train U-Net", "unet", 2, 3), ("VAE training step", "train VAE", "vae", 1.7, 2.5)]
print(f"{'work':36}{'PyTorch':>9}{'float32':>9}{'ratio':>7}{'want':>6}{'bfloat16':>10}{'ratio':>7}{'want':>6}  people/s")
for title, name, key, want32, want16 in rows:
    t, a, b = best[key], ours.get((name, "float32"), 0), ours.get((name, "bfloat16"), 0)
    print(f"{title:36}{t:9.3f}{a:9.3f}{a / t:7.2f}{want32:6}{b:10.3f}{b / t:7.2f}{want16:6}")
END

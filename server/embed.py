#!/usr/bin/env python3
"""embed.py OUT.c SYMBOL FILE... - files as one C table of {name, bytes, n}; YAML is turned into JSON, keys in file order.

Build time only. The same input gives the same output, byte for byte.
"""
import json
import os
import sys


def content(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".yaml"):
        import yaml

        data = json.dumps(yaml.safe_load(data), ensure_ascii=False, separators=(",", ":")).encode()
    return data


def main():
    out, symbol, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    lines = ["/* Made by server/embed.py: do not edit. */", '#include "log/embed.h"', ""]
    rows = []
    for i, path in enumerate(paths):
        data = content(path)
        lines.append(f"static const unsigned char file_{i}[] = {{")
        whole = data + b"\0"
        for at in range(0, len(whole), 24):
            lines.append("    " + ", ".join(str(b) for b in whole[at : at + 24]) + ",")
        lines.append("};")
        rows.append(f'    {{"{os.path.basename(path)}", file_{i}, {len(data)}}},')
    lines.append(f"const sg_embedded {symbol}[] = {{")
    lines += rows + ["    {0},", "};", ""]
    temporary = out + ".new"
    with open(temporary, "w") as f:
        f.write("\n".join(lines))
    os.replace(temporary, out)


main()

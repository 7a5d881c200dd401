#!/usr/bin/env python3
"""Holds the report of a heaptrack file against what heaptrack_print says of it.

    check_import.py ANALYZER FILE

Each line beginning with "ok" or "not ok" is a claim.
"""
import json
import os
import re
import subprocess
import sys


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def heaptrack_bytes(size):
    units = ["B", "K", "M", "G", "T"]
    value, unit = float(size), 0
    while value >= 1000 and unit + 1 < len(units):
        value, unit = value / 1000, unit + 1
    return f"{size}B" if unit == 0 else f"{value:.2f}{units[unit]}"


def from_heaptrack(text):
    return float(text[:-1]) * 1000 ** "BKMGT".index(text[-1])


def claim(text, found, expected):
    if found == expected:
        print(f"ok - {text}: {found}")
    else:
        print(f"not ok - {text}: {found}, expected {expected}")


# Of the file's first entry heaptrack takes each free that follows another free for that of a temporary block: its number,
# 0, is also that of none.
def falsely_temporary(path):
    command = {".zst": ["zstd", "-dc"], ".gz": ["gzip", "-dc"]}.get(os.path.splitext(path)[1], ["cat"])
    count, last = 0, ""
    for line in run(*command, path).splitlines():
        if line[:1] in "+-":
            count += line == "- 0" and not last.startswith("+")
            last = line
    return count


def main():
    analyzer, path = sys.argv[1:3]
    report = json.loads(run(analyzer, "report", "--format", "json", path))
    heap, name = report["heap"], os.path.basename(path)
    shown = run("heaptrack_print", "-f", path)

    def number(label):
        return re.search(label + r": (\S+)", shown).group(1)

    def truth(metric):
        return round(heap[metric]["value"])

    claim(f"{name}: calls", truth("allocations"), int(number("calls to allocation functions")))
    claim(f"{name}: temporary", truth("temporary"),
          int(number("temporary memory allocations")) - falsely_temporary(path))
    claim(f"{name}: peak", heaptrack_bytes(truth("peak_bytes")), number("peak heap memory consumption"))
    # What either takes for no leak is live all the same.
    live = from_heaptrack(number("total memory leaked"))
    if "suppressed leaks" in shown:
        live += from_heaptrack(number("suppressed leaks"))
    is_near = abs(live - truth("live_bytes")) <= 0.01 * live + 1
    claim(f"{name}: live at the end", truth("live_bytes") if not is_near else live, live)
    claim(f"{name}: recorder", report["processes"][0]["recorder"].split()[0], "heaptrack")


main()

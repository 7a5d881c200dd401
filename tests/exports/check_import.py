#!/usr/bin/env python3
"""Holds the report of a heaptrack file against what heaptrack_print says of it.

    check_import.py ANALYZER FILE

Each line beginning with "ok" or "not ok" is a claim.
"""
import json
import os
import sys

from claims import Claims, Heaptrack, from_heaptrack, heaptrack_bytes, run


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
    heap, shown = report["heap"], Heaptrack(path)
    claims = Claims(os.path.basename(path))

    def truth(metric):
        return round(heap[metric]["value"])

    claims.claim("calls", truth("allocations"), shown.calls())
    claims.claim("temporary", truth("temporary"), shown.temporary() - falsely_temporary(path))
    claims.claim("peak", heaptrack_bytes(truth("peak_bytes")), shown.peak())
    # What either takes for no leak is live all the same.
    live = from_heaptrack(shown.leaked()) + from_heaptrack(shown.suppressed())
    claims.claim_near("live at the end", truth("live_bytes"), live, 0.01 * live + 1)
    claims.claim("recorder", report["processes"][0]["recorder"].split()[0], "heaptrack")


main()

#!/usr/bin/env python3
"""Exports a dump in every format and holds what other tools make of the files against the JSON report.

    check_exports.py ANALYZER DUMP [DIRECTORY]

Each line beginning with "ok" or "not ok" is a claim. The files stay in DIRECTORY, if one is given.
"""
import json
import os
import re
import sys
import tempfile

from claims import Claims, Heaptrack, from_heaptrack, heaptrack_bytes, run

HERE = os.path.dirname(os.path.abspath(__file__))
PPROF = os.environ.get("PPROF", "/usr/lib/go-1.19/pkg/tool/linux_amd64/pprof")
# As pprof prints them: bytes and counts of every sample, unscaled.
PPROF_NAMES = {
    "heap": {"alloc_objects": "allocations", "alloc_space": "bytes",
             "inuse_objects": "live_blocks", "inuse_space": "live_bytes"},
    "contention": {"contentions": "contended", "delay": "wait_ns"},
}


class Checker(Claims):
    def __init__(self, analyzer, dump, directory):
        super().__init__(os.path.basename(dump))
        self.analyzer, self.dump, self.directory = analyzer, dump, directory
        report = json.loads(run(analyzer, "report", "--format", "json", dump))
        self.mode = report["settings"]["mode"]
        self.is_sampled = self.mode == "sample" or report["settings"]["full_until_ns"] is not None
        self.heap, self.locks = report["heap"], report["locks"]
        self.threads = report["processes"][0]["threads"]

    def truth(self, metric):
        group = self.locks if metric in ("contended", "wait_ns") else self.heap
        return round(group[metric]["value"])

    def export(self, name, *options):
        path = os.path.join(self.directory, f"{self.name}.{name}")
        if os.path.exists(path):
            os.remove(path)
        self.notes = run(self.analyzer, "export", *options, "-o", path, self.dump, stream="stderr")
        return path

    # ---- Go's pprof ------------------------------------------------------------------------------------------------
    def pprof(self, metric):
        path = self.export(metric + ".pb.gz", "--to", "pprof", "--metric", metric)
        raw = run(PPROF, "-raw", path)
        samples = raw.split("\nSamples:\n")[1].split("\nLocations\n")[0].splitlines()
        types = [word.split("/")[0] for word in samples[0].split()]
        sums = [0] * len(types)
        for line in samples[1:]:
            if match := re.match(r"\s*((?:-?\d+\s+)*-?\d+):", line):
                sums = [a + int(b) for a, b in zip(sums, match.group(1).split())]
        names = PPROF_NAMES[metric]
        self.claim(f"pprof's sample types of {metric}", types, list(names))
        for kind, total in zip(types, sums):
            self.claim(f"pprof, {kind}", total, self.truth(names[kind]))
        mappings = raw.split("\nMappings\n")[1].splitlines()
        if len(samples) > 1:
            self.claim(f"pprof's mappings of {metric} have build ids",
                       all(re.search(r" [0-9a-f]{16,} \[FN\]", line) for line in mappings
                           if "[no module]" not in line and "[vdso]" not in line), True)
        shown = run(PPROF, "-top", f"-sample_index={types[-1]}", path)
        self.claim(f"pprof -top of {metric} is by function", "flat%" in shown, True)

    # ---- flame graphs --------------------------------------------------------------------------------------------------
    def folded(self, metric):
        path = self.export(metric + ".folded", "--to", "folded", "--metric", metric)
        with open(path, encoding="utf-8", errors="surrogateescape") as lines:
            matches = [re.fullmatch(r"(.*) (\d+)", line.rstrip("\n")) for line in lines]
        self.claim(f"folded stacks of {metric} are well-formed", None in matches, False)
        total = sum(int(match.group(2)) for match in matches if match)
        self.claim(f"folded, {metric}", total, self.truth(metric))

    def speedscope(self):
        import jsonschema
        path = self.export("speedscope.json", "--to", "speedscope")
        with open(path, encoding="utf-8") as text:
            profile = json.load(text)
        with open(os.path.join(HERE, "speedscope.schema.json"), encoding="utf-8") as text:
            schema = json.load(text)
        try:
            jsonschema.validate(profile, schema)
            problem = None
        except jsonschema.ValidationError as error:
            problem = error.message[:200]
        self.claim("speedscope's schema", problem, None)
        sums = {part["name"]: sum(part["weights"]) for part in profile["profiles"]}
        for title, metric in (("Allocations", "allocations"), ("Allocated bytes", "bytes"),
                              ("Temporary allocations", "temporary"),
                              ("Leaked bytes", "leaked_bytes"),
                              ("Live bytes at the peak", "peak_bytes"),
                              ("Contended waits", "contended"), ("Wait time", "wait_ns")):
            self.claim(f"speedscope, {title}", sums[title], self.truth(metric))
        self.claim("speedscope's samples have a weight each",
                   all(len(part["samples"]) == len(part["weights"]) for part in profile["profiles"]),
                   True)

    # ---- valgrind's viewers --------------------------------------------------------------------------------------------
    def callgrind(self):
        path = self.export("callgrind.out", "--to", "callgrind")
        shown = run("callgrind_annotate", "--threshold=100", path)
        line = next(line for line in shown.splitlines() if "PROGRAM TOTALS" in line)
        numbers = [int(number.replace(",", ""))
                   for number in re.sub(r"\([^)]*\)", "", line).split()[:4]]
        expected = [self.truth(metric) for metric in ("bytes", "allocations", "leaked_bytes", "wait_ns")]
        self.claim("callgrind_annotate's totals", numbers, expected)
        inclusive = run("callgrind_annotate", "--inclusive=yes", "--threshold=100", path)
        costs = [int(match.group(1).replace(",", ""))
                 for match in re.finditer(r"^([\d,]+) \(\s*[\d.]+%\).*\[", inclusive, re.M)]
        if costs and numbers[0] > 0:
            self.claim("callgrind_annotate: nothing costs more than all", max(costs) <= numbers[0], True)

    def dhat(self):
        heap = self.export("dhat.json", "--to", "dhat")
        shown = json.loads(run("node", os.path.join(HERE, "dhat_view.js"), heap))
        for key, metric in (("bytes", "bytes"), ("blocks", "allocations"),
                            ("peak_bytes", "peak_bytes"), ("end_bytes", "live_bytes"),
                            ("end_blocks", "live_blocks")):
            self.claim(f"dh_view, {key}", shown[key], self.truth(metric))
        waits = self.export("dhat-waits.json", "--to", "dhat", "--metric", "contention")
        shown = json.loads(run("node", os.path.join(HERE, "dhat_view.js"), waits))
        self.claim("dh_view, waits", [shown["bytes"], shown["blocks"]],
                   [self.truth("wait_ns"), self.truth("contended")])

    # ---- heaptrack -----------------------------------------------------------------------------------------------------
    def heaptrack(self):
        path = self.export("heaptrack.zst", "--to", "heaptrack")
        massif = os.path.join(self.directory, f"{self.name}.massif")
        shown = Heaptrack(path, "-M", massif)
        calls, temporary = shown.calls(), shown.temporary()
        peak, leaked = shown.peak(), shown.leaked()
        if not self.is_sampled:
            self.claim("heaptrack_print, calls", calls, self.truth("allocations"))
            self.claim("heaptrack_print, temporary", temporary, self.truth("temporary"))
            self.claim("heaptrack_print, peak", peak, heaptrack_bytes(self.truth("peak_bytes")))
            self.claim("heaptrack_print, leaked", leaked, heaptrack_bytes(self.truth("leaked_bytes")))
            return
        # Whole copies of blocks: at each size of each site one more or less, at random. What is too many is said.
        grown = re.search(r"calls: ([\d,]+) too many", self.notes)
        calls -= int(grown.group(1).replace(",", "")) if grown else 0
        sizes = heaptrack_sizes(path)
        off = 2 * len(sizes) ** 0.5 + 1
        self.claim_near("heaptrack_print, calls", calls, self.truth("allocations"), off)
        self.claim_near("heaptrack_print, temporary", temporary, self.truth("temporary"), off)
        off_bytes = 2 * sum(size * size for size in sizes) ** 0.5
        for name, text, metric in (("leaked", leaked, "leaked_bytes"), ("peak", peak, "peak_bytes")):
            truth = self.truth(metric)
            self.claim_near(f"heaptrack_print, {name}", from_heaptrack(text), truth,
                            off_bytes + 0.01 * truth)

    # ---- a trace ---------------------------------------------------------------------------------------------------------
    def trace(self):
        path = self.export("trace.json", "--to", "chrome")
        with open(path, encoding="utf-8") as text:
            trace = json.load(text)
        events, other = trace["traceEvents"], trace["otherData"]
        slices = {}
        for event in events:
            if event["ph"] == "X":
                begin = round(event["ts"] * 1000)
                slices.setdefault(event["tid"], []).append(
                    (begin, begin + round(event["dur"] * 1000), event["cat"]))
        self.claim("trace: slices of a thread nest", all(map(nests, slices.values())), True)
        waits = [span for spans in slices.values() for span in spans if span[2] == "wait"]
        if not self.is_sampled and other["waits_left_out"] == 0:
            self.claim("trace, waits", len(waits), self.truth("contended"))
            self.claim_near("trace, wait_ns", sum(end - begin for begin, end, _ in waits),
                            self.truth("wait_ns"), len(waits))
        starts = {e["id"]: e for e in events if e["ph"] == "s"}
        ends = {e["id"]: e for e in events if e["ph"] == "f"}
        self.claim("trace: each arrow has two ends", len(starts.keys() ^ ends.keys()), 0)
        self.claim("trace: arrows begin in a slice and end at one",
                   all(within(slices, e) for e in list(starts.values()) + list(ends.values())), True)
        opened = {}
        well_formed = True
        for event in sorted((e for e in events if e["ph"] in "be"),
                            key=lambda e: (e["ts"], e["ph"] == "b")):
            delta = 1 if event["ph"] == "b" else -1
            depth = opened.get(event["id"], 0) + delta
            # A hold of no length ends before it begins in this order.
            well_formed = well_formed and depth in (-1, 0, 1)
            opened[event["id"]] = depth
        self.claim("trace: holds of a lane follow one another",
                   well_formed and not any(opened.values()), True)
        self.claim("trace: each wait is there or said to be left out",
                   len(waits) + other["waits_left_out"], other["waits"])


def nests(spans):
    open_ends = []
    for begin, end, _ in sorted(spans, key=lambda span: (span[0], -span[1])):
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        if open_ends and open_ends[-1] < end:
            return False
        open_ends.append(end)
    return True


def within(slices, event):
    at = round(event["ts"] * 1000)
    return any(begin <= at <= end for begin, end, _ in slices.get(event["tid"], []))


# Of all kinds of blocks: those of one size and stack.
def heaptrack_sizes(path):
    text = run("zstd", "-dc", path)
    return [int(line.split()[1], 16) for line in text.splitlines() if line.startswith("a ")]


def main():
    analyzer, dump = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as temporary:
        directory = sys.argv[3] if len(sys.argv) > 3 else temporary
        checker = Checker(analyzer, dump, directory)
        for metric in ("heap", "contention"):
            checker.pprof(metric)
        for metric in ("bytes", "allocations", "temporary", "leaked_bytes", "wait_ns"):
            checker.folded(metric)
        checker.speedscope()
        checker.callgrind()
        checker.dhat()
        checker.heaptrack()
        checker.trace()


main()

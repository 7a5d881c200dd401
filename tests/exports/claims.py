"""What the checks of this directory share: other tools run, what heaptrack_print shows, and claims.

Each printed line beginning with "ok" or "not ok" is a claim.
"""
import re
import subprocess


def run(*command, stream="stdout"):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
    return getattr(done, stream)


class Claims:
    """Of the file that `name` is."""

    def __init__(self, name):
        self.name = name

    def claim(self, text, found, expected):
        if found == expected:
            print(f"ok - {self.name}: {text}: {found}")
        else:
            print(f"not ok - {self.name}: {text}: {found}, expected {expected}")

    def claim_near(self, text, found, expected, tolerance):
        if abs(found - expected) <= tolerance:
            print(f"ok - {self.name}: {text}: {found} (expected {expected} +- {tolerance})")
        else:
            print(f"not ok - {self.name}: {text}: {found}, expected {expected} +- {tolerance}")


class Heaptrack:
    """What heaptrack_print shows of a file."""

    def __init__(self, path, *options):
        self.text = run("heaptrack_print", *options, "-f", path)

    def shown(self, label):
        """Null where there is no such line."""
        found = re.search(label + r": (\S+)", self.text)
        return found and found.group(1)

    def calls(self):
        return int(self.shown("calls to allocation functions"))

    def temporary(self):
        return int(self.shown("temporary memory allocations"))

    def peak(self):
        return self.shown("peak heap memory consumption")

    def leaked(self):
        return self.shown("total memory leaked")

    def suppressed(self):
        return self.shown("suppressed leaks") or "0B"


# As heaptrack_print prints a size.
def heaptrack_bytes(size):
    units = ["B", "K", "M", "G", "T"]
    value, unit = float(size), 0
    while value >= 1000 and unit + 1 < len(units):
        value, unit = value / 1000, unit + 1
    return f"{size}B" if unit == 0 else f"{value:.2f}{units[unit]}"


def from_heaptrack(text):
    return float(text[:-1]) * 1000 ** "BKMGT".index(text[-1])

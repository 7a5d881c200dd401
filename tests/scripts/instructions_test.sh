#!/usr/bin/env bash
# How many instructions the agent adds to a call: a bound for each path, so that none grows unnoticed. Counts, not times:
# the same on every machine that has the same libc.
# shellcheck disable=SC2034,SC2154  # what the counting reads; claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"
# shellcheck source=tests/bench/tools.sh
. "$root/tests/bench/tools.sh"
# shellcheck source=tests/bench/instructions.sh
. "$root/tests/bench/instructions.sh"
# So many are enough: there is no chance in it.
counted_pairs=20000

# Added TOOL WORK THREADS: instructions per pair, beside the same pairs without the tool.
Added() {
  local pair=$2 threads=$3 bare
  Use bare
  bare=$(CountInstructions)
  Use "$1"
  awk "BEGIN { printf \"%.2f\", $(CountInstructions) - ${bare:-0} }"
}

# AtMost CLAIM BOUND TOOL WORK THREADS
AtMost() {
  local added
  added=$(Added "$3" "$4" "$5" 2> errors)
  if awk "BEGIN { exit !(0 < ${added:-0} && ${added:-0} <= $2) }"; then
    Ok "$1: $added added, at most $2"
  else
    NotOk "$1" "added: ${added:-could not be counted}" "allowed: $2" "$(tail -3 errors)"
  fi
}

# Measured, and one instruction more; of what is recorded, a tenth more. Who adds one on purpose raises its bound.
TestInstructions() {
  AtMost "an unsampled malloc+free" 17 unsampled alloc 0
  AtMost "a lock+unlock, single-threaded" 27 unsampled lock 0
  AtMost "a lock+unlock with threads running" 33 unsampled lock 1
  AtMost "a malloc+free in full mode" 1470 full alloc 0
  AtMost "a malloc+free in full mode, 30 frames deeper" 1760 full deep 0
}

if Has valgrind; then
  TestInstructions
else
  for n in 1 2 3 4 5; do Skip "instructions of path $n" "no valgrind"; done
fi
Summary

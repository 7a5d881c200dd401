#!/bin/bash
# Records the golden dumps anew, after a change of the format's major version:
#
#   tests/golden/record.sh [BUILD]
#
# In a directory whose name says nothing of the machine. full_few_events is what the fuzzer begins with: small, and its
# modules' paths lead nowhere.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:-build}")
golden=$PWD/tests/golden
work=/tmp/golden
rm -rf "$work"
mkdir "$work"
cp "$build"/samples/{leak,vector_growth,contended_mutex} "$work"

# record NAME SETTING... -- PROGRAM ARGUMENT...
record() {
  local name=$1
  shift
  local settings=(PERFAGENT_OUTPUT="$work/$name.dump")
  while [ "$1" != -- ]; do
    settings+=("PERFAGENT_$1")
    shift
  done
  shift
  (cd "$work" && env LD_PRELOAD="$build/libperfagent.so" "${settings[@]}" "$@" >/dev/null)
  cp "$work/$name.dump" "$golden"
}
record full_contended_mutex MODE=full -- ./contended_mutex
record full_vector_growth MODE=full -- ./vector_growth
record full_few_events MODE=full -- ./leak 5 48
record sample_leak MODE=sample INTERVAL=4K -- ./leak

# Not in the header, which has a checksum: its 8192 bytes are kept.
few=$golden/full_few_events.dump
{
  head -c 8192 "$work/full_few_events.dump"
  tail -c +8193 "$work/full_few_events.dump" | LC_ALL=C sed 's,/\(tmp/golden/\|lib/x86_64-\|lib64/\),?\1,g'
} >"$few"

for dump in "$golden"/*.dump; do
  (cd "$golden" && "$build/analyzer" events "${dump##*/}") >"${dump%.dump}.events.txt"
done

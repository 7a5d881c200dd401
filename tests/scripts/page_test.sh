#!/usr/bin/env bash
# Tests of the HTML report, in a real browser (tests/page/page_test.mjs): recordings of programs that know what they do,
# each as a page and as JSON. Pictures of the pages stay in build/page.
# shellcheck disable=SC2154  # claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

chromium=$(command -v chromium-headless-shell || command -v chromium)
if [[ -z $chromium ]] || [[ ! -d $build/tests/page/node_modules ]]; then
  Skip "pages in a browser" "no chromium, or tests are not built"
  Summary
  exit
fi
pages=$build/page
rm -rf "$pages" && mkdir -p "$pages/many" && cd "$pages" || exit 1

# Record NAME MODE PROGRAM...; others of the agent's settings are in the environment.
Record() {
  LD_PRELOAD=$real_agent PERFAGENT_OUTPUT=$1.dump PERFAGENT_MODE=$2 "${@:3}" > "$1.truth" 2> "$1.err" || NotOk "$1 is recorded" "$(< "$1.err")"
}
# Report NAME ARGUMENTS...: as page and as JSON.
Report() {
  local format
  for format in html json; do
    "$build/analyzer" "${@:2}" --format $format -o "$1.$format" 2> "$1.err" || NotOk "$1 is reported as $format" "$(< "$1.err")"
  done
}

Record locks full "$build/samples/lock_holders" two
Record leak sample "$build/samples/heap_findings" leak
PERFAGENT_INTERVAL=1000 Record sampled sample "$build/samples/heap_findings" leak
Record cross full "$build/samples/heap_findings" cross_thread
Record hostile full "$build/tests/programs/hostile_names"
Record stacks full "$build/tests/programs/many_stacks" 12
Record before full "$build/samples/one_reserve_before"
Record after full "$build/samples/one_reserve"
for name in locks leak sampled cross hostile stacks; do Report $name report $name.dump; done
cp locks.dump leak.dump many
Report many report many
# More processes than a page has whole.
mkdir crowd && cp locks.dump leak.dump crowd
for ((i = 0; i < 250; ++i)); do
  env PERFAGENT_OUTPUT=crowd/bash.%p.dump PERFAGENT_MODE=full LD_PRELOAD="$real_agent" bash -c : 2> /dev/null
done
Report crowd report crowd
Report diff diff before.dump after.dump
# Slots 8 to 15 of the page's 32, as wide as model/site_history.h has them.
ReportPart() {  # NAME
  local ran_ns slot_ns
  ran_ns=$(sed -nE 's/.*"duration_ns":([0-9]+).*/\1/p' "$1.json" | head -1)
  slot_ns=$(((ran_ns / 512 + 1) * 16))
  "$build/analyzer" report --since $((slot_ns * 8))ns --until $((slot_ns * 16))ns --format json -o "$1_part.json" "$1.dump"
}
ReportPart cross
ReportPart leak
ReportPart sampled

CHROMIUM=$chromium NODE_PATH=$build/tests/page/node_modules node "$root/tests/page/page_test.mjs" "$pages" > claims.txt
cat claims.txt
passed=$((passed + $(grep -c '^ok ' claims.txt))) failed=$((failed + $(grep -c '^not ok ' claims.txt)))

size=$(stat -c %s crowd.html)
if ((size < 5 * 1000 * 1000)); then Ok "a page of hundreds of processes is below 5 MB"; else NotOk "the page of hundreds of processes is small" "$size bytes"; fi
size=$(stat -c %s stacks.html)
if ((size < 700 * 1024)); then Ok "the page's code and a small report are no more than 700 KiB"; else NotOk "the page is small" "$size bytes"; fi
Summary

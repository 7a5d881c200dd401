#!/usr/bin/env bash
# The analyzer under the agent, and the gate on what was recorded: what every program is told to do, this one does.
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

dumps=("$root"/tests/golden/*.dump)

# A directory of a run's dumps: the analyzer's own, and its child's that reads symbols.
Record() {  # directory, threads
  mkdir "$1"
  env LD_PRELOAD="$real_agent" PERFAGENT_MODE=full PERFAGENT_OUTPUT="$work/$1/%p.dump" \
    "$build/analyzer" report --threads "$2" "${dumps[@]}" > text 2> errors
}

Record threads 2
Equal "the analyzer runs under the agent" "$(cat errors)$(grep -c '^HEAP' text)" "${#dumps[@]}"

# Bounds, with room for what grows on purpose: it makes no block for nothing, keeps none, and its threads do not wait.
# The child that reads symbols is killed as soon as it has answered the last question.
echo 'leak:SymbolProcess::Serve owner=symbols' > suppressions
Run "$build/analyzer" check --suppressions suppressions --junit junit.xml \
  --require 'leaked_bytes<64KiB' --require 'temporary<30%' --require 'peak_bytes<256MiB' \
  --require 'wait_ns<1s' --require 'contended[name~.]<10000' --require 'allocations>1000' threads
Expect "its own requirements hold" 0 ''
Matches "the last line says so" "$output" '*perfagent: 6 checked, 0 failed, 0 undecided'

if Has python3; then
  Run python3 -c 'import xml.etree.ElementTree as x; print(len(x.parse("junit.xml").findall("testcase")))'
  Equal "the JUnit file is XML" "$output" 6
else
  Skip "the JUnit file is XML" "no python3"
fi

Run "$build/analyzer" check --require 'allocations<1' threads
Equal "what is required too much fails" "$code" 1

# With one thread runs differ by what depends on the time of day, if at all.
Record one 1 && Record two 1 && Record three 1
Run "$build/analyzer" check --suppressions suppressions --baseline one --baseline two --tolerance 1 three
Equal "a third run is no regression against two" "$code" 0
Summary

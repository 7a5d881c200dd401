#!/usr/bin/env bash
# The benchmark's table: its arithmetic, and that every part measures something. How much is not for a test.
# shellcheck disable=SC2016,SC2035,SC2154  # single quotes are for other shells; patterns; claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"
bench=$root/tests/bench/bench.sh

# Table ROUNDS "TOOL ..." MEASURE...: the rows of a measurement that is a line of shell; $round is the round from 0.
Table() {
  bash -uc 'work=$PWD build=none root=$1
    for part in tools table server; do source "$root/tests/bench/$part.sh"; done
    Use() { tool=$1; }
    WhyMissing() { [[ $1 != gone ]] || echo "not installed"; }
    eval "Measure() { $4; }"
    Rows "$2" Measure "$3" "a thing|ns" "another|MiB"' - "$root" "$@" 2>&1 | tr -s ' '
}

TestTable() {
  local output
  # a thing: 10, 20, 60 and 13, 24, 61: differences 3, 4, 1, quotients 1.30, 1.20, 1.02.
  output=$(Table 3 "bare floor" '
    local -A things=([bare]="10 20 60" [floor]="13 24 61")
    local -a of_rounds=(${things[$tool]})
    echo "${of_rounds[round]} $round"')
  Matches "added and ratio are medians of the rounds' own" "$output" \
    $'a thing bare 20.00 ns\na thing floor 24.00 ns 3.00 1.200\nanother bare 1.00 MiB\nanother floor 1.00 MiB 0.00 1.000'
  output=$(Table 2 "jemalloc jemalloc+s" '[[ $tool = jemalloc ]] && echo 4 8 || echo 5 8')
  Matches "an allocator's sampler is compared with the allocator" "$output" \
    *'a thing jemalloc+s 5.00 ns 1.00 1.250'*
  output=$(Table 2 "bare gone" 'echo 1 1')
  Matches "a tool that is not there is a row that says so" "$output" *'a thing gone - ns - - not installed'*
  output=$(Table 3 "bare full" '((round == 1)) || echo $((round + 1)) 7')
  Matches "a round that failed is left out" "$output" *'a thing full 2.00 ns 0.00 1.000'*
  output=$(Table 1 "bare full" '[[ $tool = full ]] && { echo "no such thing" >&2; return 1; }; echo 1 1')
  Matches "a tool that always fails is a row that says why" "$output" *'a thing full - ns - - failed: no such thing'*
  output=$(Table 2 "bare full" '[[ $tool = bare ]] && echo 4 - || echo 5 9')
  Equal "a number that a tool does not have is no row, and nothing is compared with it" "$output" \
    $'a thing bare 4.00 ns\na thing full 5.00 ns 1.00 1.250\nanother full 9.00 MiB - -'
  output=$(Table 2 "bare full" '((round == 1)) || echo "perfagent: lost 3 events" >&2; echo 1 1')
  Matches "what the agent said stands beside its numbers" "$output" \
    *'a thing full 1.00 ns 0.00 1.000 perfagent: lost 3 events'*
}

# Rows of what is measured: a name, a tool, a number.
NumbersOf() { grep -cE "^$1 +$2 +[0-9.]+ " table; }

TestParts() {
  local output row
  Run QUICK=1 BUILD_DIR="$build" "$bench" pairs locks startup units memory
  cp out table
  Equal "bench.sh has nothing to say beside its table" "$code: $errors" "0: "
  Equal "every row has a number, or says that its tool is missing" \
    "$(sed 1,4d table | grep -E ' - |failed|perfagent:' | grep -vE 'not (installed|built in)$')" ""
  for row in "malloc\+free" "malloc\+free, 2 threads" "malloc\+free, 30 frames deeper" "malloc\+free, 1024 blocks live" \
    "malloc\+free, 66 MiB live" "lock\+unlock, single-threaded" "lock\+unlock, threads running" \
    "lock\+unlock, 1 lock, 2 threads" "rdlock\+unlock, threads running" "start and end of true"; do
    Equal "bare, the floor and both modes: $row" "$(NumbersOf "$row" "(bare|floor|sample|full)")" 4
  done
  Equal "redis in both modes has a resident size" "$(NumbersOf "redis: resident, without the dump" "(bare|sample|full)")" 3
  Equal "eleven units" "$(NumbersOf ".*" agent)" 11
  Run "$bench" pears
  Expect "an unknown part is refused" 2 "*unknown part 'pears'*"
}

TestTable
TestParts
Summary

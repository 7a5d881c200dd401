#!/usr/bin/env bash
# Runs every test given (GoogleTest binaries), the fuzzers and the wrapper's tests, as many at a time as there are
# processors, and counts. What each printed comes when it has ended.
#
# The programs under test run for as long as the machine lets them: one test in thousands may fail because something else
# had the processors. So the few that failed run once more, alone, when all others have ended. What passes then is counted
# as passed, and named as unsteady: to be mended, not to be trusted.
#
# The last lines are what failed, what was unsteady, and "N passed, N failed, N skipped". Exit 1 when anything failed.
set -u
build=${BUILD_DIR:-build}
fuzz_seconds=${FUZZ_SECONDS:-20}
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# The number that follows TAG in a GoogleTest summary ("[  PASSED  ] 12 tests."), 0 when it is not there.
summary() {
  local line
  line=$(grep -aoE "^\[ +$1 +\] [0-9]+ test" "$2" | head -1)
  if [[ $line =~ \]\ ([0-9]+) ]]; then echo "${BASH_REMATCH[1]}"; else echo 0; fi
}

# What runs: each writes "passed failed skipped" to $job.counts.

# run_gtest BINARY [FILTER [SHARD SHARDS]]
run_gtest() {
  local status bad
  GTEST_FILTER=${2:-*} GTEST_SHARD_INDEX=${3:-0} GTEST_TOTAL_SHARDS=${4:-1} "$1" >"$job.out" 2>&1
  status=$?
  cat "$job.out"
  bad=$(summary FAILED "$job.out")
  # A crash has no summary: it is one failure more.
  if [ "$bad" -gt 0 ]; then
    grep -aoE '^\[  FAILED  \] [^ ,]+\.[^ ,]+' "$job.out" | cut -c 14- | sort -u >"$job.failed"
  elif [ "$status" -ne 0 ]; then
    bad=1
  fi
  echo "$(summary PASSED "$job.out") $bad $(summary SKIPPED "$job.out")" >"$job.counts"
}

# A fuzzer, the files it begins with, and its own options after --.
run_fuzzer() {
  local name=$1 corpus="$log/corpus.$1"
  mkdir -p "$corpus"
  shift
  while [ "$1" != -- ]; do cp "$1" "$corpus/" && shift; done
  shift
  if "$build/tests/$name" "$@" -rss_limit_mb=4096 -timeout=60 -artifact_prefix="$build/" "$corpus" \
      >"$job.out" 2>&1; then
    echo "[ $name ] $(grep -a '^Done' "$job.out")"
    echo "1 0 0" >"$job.counts"
  else
    tail -60 "$job.out"
    echo "0 1 0" >"$job.counts"
  fi
}

run_script() {
  local last
  PERFAGENT_LIB=${PERFAGENT_LIB:-$PWD/$build/libperfagent.so} bash "$1" >"$job.out"
  cat "$job.out"
  grep -a '^not ok' "$job.out" >"$job.failed"
  last=$(tail -1 "$job.out")
  if [[ $last =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
    echo "${BASH_REMATCH[@]:1:3}" >"$job.counts"
  fi
}

jobs=0 running=0 commands=()
# start FUNCTION ARGUMENT...: as soon as a processor is free.
start() {
  ((running < $(nproc))) || { wait -n && true; running=$((running - 1)); }
  job=$log/$((jobs += 1))
  commands[jobs]=$(printf '%q ' "$@")
  echo "0 1 0" >"$job.counts"  # of what ends without a word
  {
    SECONDS=0
    "$@" >"$job.log" 2>&1 </dev/null
    (flock 9 && cat "$job.log" && echo "==== $* ($SECONDS s)") 9>"$log/lock"
  } &
  running=$((running + 1))
}

# The longest first.
for test in "$@"; do
  case $test in
    */e2e_test)
      start run_gtest "$test" '*Statistics*'
      shards=8
      for ((shard = 0; shard < shards; ++shard)); do start run_gtest "$test" '-*Statistics*' "$shard" "$shards"; done
      ;;
    *) start run_gtest "$test" ;;
  esac
done
# It makes its first dump itself: reading the libraries that a recorded one names would take most of the time.
start run_fuzzer reader_fuzz -- -max_total_time="$fuzz_seconds" -max_len=147456
# Always the same inputs: what libdw makes of others is not for a test to find out.
start run_fuzzer elf_fuzz "$build/samples/libplugin.so" "$build/samples/libother.so" -- -seed=1 -runs=400 -max_len=24576
start run_fuzzer codec_fuzz -- -max_total_time=5 -max_len=4096
for script in tests/scripts/*_test.sh; do start run_script "$script"; done
wait

# Runs job $1 once more, alone: of a GoogleTest binary what failed, unless it died and could not say what.
again() {
  local first=$log/$1 passed=0 skipped=0 more_passed more_failed more_skipped
  local -a command
  eval "command=(${commands[$1]})"
  [ "${command[0]}" != run_fuzzer ] || return 0  # its find stays a find
  if [ "${command[0]}" = run_gtest ] && [ -s "$first.failed" ]; then
    command=(run_gtest "${command[1]}" "$(paste -sd : "$first.failed")")
    read -r passed _ skipped <"$first.counts"
  fi
  echo "==== again, alone: ${command[*]}"
  job=$log/again
  rm -f "$job".*
  echo "0 1 0" >"$job.counts"
  "${command[@]}" </dev/null 2>&1
  read -r more_passed more_failed more_skipped <"$job.counts"
  rm "$job.counts"
  echo "$((passed + more_passed)) $more_failed $((skipped + more_skipped))" >"$first.counts"
  [ "$more_failed" -eq 0 ] || return 0
  [ -s "$first.failed" ] || echo "ended early" >"$first.failed"
  sed "s|^|unsteady: ${command[1]##*/}: |" "$first.failed" >>"$log/unsteady"
  rm "$first.failed"
}

most_again=5
if (($(cat "$log"/*.counts | awk '{ failed += $2 } END { print failed }') <= most_again)); then
  for ((i = 1; i <= jobs; ++i)); do
    read -r _ bad _ <"$log/$i.counts"
    [ "$bad" -eq 0 ] || again "$i"
  done
fi

passed=0 failed=0 skipped=0
for ((i = 1; i <= jobs; ++i)); do
  read -r ok bad skip <"$log/$i.counts"
  passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
  [ "$bad" -eq 0 ] || [ -s "$log/$i.failed" ] || echo "${commands[i]}" >"$log/$i.failed"
  [ ! -s "$log/$i.failed" ] || sed "s|^|failed: |" "$log/$i.failed"
done
[ ! -s "$log/unsteady" ] || cat "$log/unsteady"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

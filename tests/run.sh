#!/usr/bin/env bash
# Runs every test given (GoogleTest binaries), the fuzzers and the wrapper's tests, and counts.
# The last line is "N passed, N failed, N skipped". Exit 1 when anything failed.
set -u
build=${BUILD_DIR:-build}
fuzz_seconds=${FUZZ_SECONDS:-20}
passed=0 failed=0 skipped=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# The number that follows TAG in a GoogleTest summary ("[  PASSED  ] 12 tests."), 0 when it is not there.
summary() {
  local line
  line=$(grep -aoE "^\[ +$1 +\] [0-9]+ test" "$2" | head -1)
  if [[ $line =~ \]\ ([0-9]+) ]]; then echo "${BASH_REMATCH[1]}"; else echo 0; fi
}

# run_gtest BINARY [FILTER]
run_gtest() {
  local name filter=${2:-*} status ok bad skip
  name=$(basename "$1").${filter:0:1}  # what is run beside has a log of its own
  GTEST_FILTER=$filter "$1" 2>&1 | tee "$log/$name"
  status=${PIPESTATUS[0]}
  ok=$(summary PASSED "$log/$name") bad=$(summary FAILED "$log/$name") skip=$(summary SKIPPED "$log/$name")
  # A crash has no summary: it is one failure more.
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# A fuzzer, the files it begins with, and its own options after --.
run_fuzzer() {
  local name=$1 corpus="$log/corpus.$1"
  mkdir -p "$corpus"
  shift
  while [ "$1" != -- ]; do cp "$1" "$corpus/" && shift; done
  shift
  if "$build/tests/$name" "$@" -rss_limit_mb=4096 -timeout=60 -artifact_prefix="$build/" "$corpus" \
      >"$log/fuzz" 2>&1; then
    echo "[ $name ] $(grep -a '^Done' "$log/fuzz")"
    passed=$((passed + 1))
  else
    tail -60 "$log/fuzz"
    failed=$((failed + 1))
  fi
}

run_script() {
  local counts
  bash "$1" | tee "$log/script"
  counts=$(tail -1 "$log/script")
  if [[ $counts =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))
  fi
}

# Beside the GoogleTest binaries, which wait for other programs most of the time.
fuzz_and_run_scripts() {
  # Minutes of one core, and on clocks of their own.
  for test in "$@"; do [[ $test != */e2e_test ]] || run_gtest "$test" '*Statistics*'; done
  # It makes its first dump itself: reading the libraries that a recorded one names would take most of the time.
  run_fuzzer reader_fuzz -- -max_total_time="$fuzz_seconds" -max_len=147456
  # Always the same inputs: what libdw makes of others is not for a test to find out.
  run_fuzzer elf_fuzz "$build/samples/libplugin.so" "$build/samples/libother.so" -- -seed=1 -runs=400 -max_len=24576
  run_fuzzer codec_fuzz -- -max_total_time=5 -max_len=4096
  export PERFAGENT_LIB=${PERFAGENT_LIB:-$PWD/$build/libperfagent.so}
  for script in tests/scripts/*_test.sh; do run_script "$script"; done
  echo "$passed $failed $skipped" >"$log/counts"
}
fuzz_and_run_scripts "$@" >"$log/beside" 2>&1 </dev/null &
for test in "$@"; do
  case $test in
    */e2e_test) run_gtest "$test" '-*Statistics*' ;;
    *) run_gtest "$test" ;;
  esac
done
wait
cat "$log/beside"
if read -r more_passed more_failed more_skipped <"$log/counts"; then
  passed=$((passed + more_passed)) failed=$((failed + more_failed)) skipped=$((skipped + more_skipped))
else
  failed=$((failed + 1))
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

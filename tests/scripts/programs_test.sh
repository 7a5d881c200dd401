#!/usr/bin/env bash
# The program matrix: what its driver must notice, and the rows that take seconds.
# shellcheck disable=SC2016  # what stands in single quotes is for other shells
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
run=$root/tests/programs/run.sh
passed=0 failed=0 skipped=0
fixtures=$(mktemp -d)
trap 'rm -rf "$fixtures"' EXIT

# Verdict CLAIM EXPECTED WORK: the driver's last line about a program that does WORK.
Verdict() {
  local claim=$1 expected=$2 output
  printf '%s\n' "$3" > "$fixtures/program.sh"
  output=$(CI='' PROGRAMS_DIR=$fixtures bash "$run" program)
  if [[ ${output##*$'\n'} == "$expected" ]]; then
    echo "ok - $claim"
    passed=$((passed + 1))
  else
    printf 'not ok - %s\n    expected: %s\n%s\n' "$claim" "$expected" "$output"
    failed=$((failed + 1))
  fi
}

TestDriver() {
  local few='few_allocations="a test"; '
  Verdict "a program that does the same passes" "2 passed, 0 failed, 0 skipped" \
    "$few"'Work() { Watched sort <<< "a"; }'
  Verdict "another output is noticed" "0 passed, 2 failed, 0 skipped" \
    "$few"'Work() { Watched bash -c '\''echo "output ${LD_PRELOAD-}"'\''; }'
  Verdict "a line on stderr is noticed" "0 passed, 2 failed, 0 skipped" \
    "$few"'Work() { Watched bash -c '\''echo output; echo -n "${LD_PRELOAD-}" >&2'\''; }'
  Verdict "another exit status is noticed" "0 passed, 2 failed, 0 skipped" \
    "$few"'Work() { Watched bash -c '\''echo output; [[ -z ${LD_PRELOAD-} ]]'\''; }'
  Verdict "a program that is not recorded is noticed" "0 passed, 2 failed, 0 skipped" \
    "$few"'Work() { sort <<< "a"; }'
  # More threads than the file has segments.
  Verdict "lost events are noticed" "0 passed, 2 failed, 0 skipped" \
    "$few"'Work() { watch=("${watch[@]/MAX_SIZE=4G/MAX_SIZE=64K}")
      Watched perl -Mthreads -e "threads->create(sub { my @x = map { \"x\$_\" } 1 .. 100000 })->join
        for 1 .. 3; print 1" 2> /dev/null; }'
  Verdict "a row of few allocations needs a reason" "1 passed, 1 failed, 0 skipped" \
    'Work() { Watched sort <<< "a"; }'
  Verdict "what fails without the agent too proves nothing" "0 passed, 2 failed, 0 skipped" \
    "$few"'Work() { Watched sort --no-such-option; }'
  Verdict "a missing program is skipped" "0 passed, 0 failed, 2 skipped" \
    'packages=nowhere; commands=no-such-program; Work() { :; }'
}

# Their rows are claims as well.
TestQuickPrograms() {
  local output
  output=$(bash "$run" sqlite3 python3 git bash xz)
  echo "$output"
  if [[ ${output##*$'\n'} =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))
  fi
}

TestDriver
TestQuickPrograms
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))

#!/usr/bin/env bash
# claims.sh: what the tests of scripts share. Each line beginning with "ok" or "not ok" is a claim.
#
# Sourced: leaves the shell in a directory of its own, `work`, which is removed at the end, without
# PERFAGENT_* and LD_PRELOAD. `build` is what is tested, `real_agent` its agent. What cannot be
# tested is skipped, unless CI=true.
# shellcheck disable=SC2034  # used by the tests
set -u
shopt -s extglob

root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
perfagent=$root/scripts/perfagent
build=$(cd "$root" && realpath -m -- "${BUILD_DIR:-build}")
real_agent=${PERFAGENT_LIB:-$build/libperfagent.so}
unset "${!PERFAGENT_@}" LD_PRELOAD
passed=0 failed=0 skipped=0

work=$(mktemp -d /tmp/perfagent_test.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export TMPDIR=$work/tmp
mkdir tmp

Ok() {
  echo "ok - $1"
  passed=$((passed + 1))
}

NotOk() {
  echo "not ok - $1"
  shift
  printf '    %s\n' "$@"
  failed=$((failed + 1))
}

Skip() {
  if [[ ${CI:-} == true ]]; then
    NotOk "$1" "skipped: $2, and nothing may be skipped in CI"
  else
    echo "skip - $1 ($2)"
    skipped=$((skipped + 1))
  fi
}

# Run NAME=VALUE... PROGRAM...: leaves output, errors and code.
Run() {
  env "$@" > out 2> err < /dev/null
  code=$?
  output=$(tr -d '\0' < out) errors=$(< err)
}

# Expect CLAIM CODE PATTERN-OF-STDERR, after Run.
Expect() {
  # shellcheck disable=SC2053  # a pattern
  if ((code == $2)) && [[ $errors == $3 ]]; then
    Ok "$1"
  else
    NotOk "$1" "exit $code, expected $2" "stderr: $errors" "expected: $3"
  fi
}

Equal() {
  if [[ $2 == "$3" ]]; then Ok "$1"; else NotOk "$1" "got: $2" "expected: $3"; fi
}

# Matches CLAIM TEXT PATTERN
Matches() {
  # shellcheck disable=SC2053  # a pattern
  if [[ $2 == $3 ]]; then Ok "$1"; else NotOk "$1" "got: $2" "expected: $3"; fi
}

Has() { type -P "$1" > /dev/null; }

WaitFor() {  # PATTERN FILE
  local i
  for ((i = 0; i < 1500; ++i)); do
    grep -q -- "$1" "$2" 2> /dev/null && return
    sleep 0.02
  done
  return 1
}

# The last line of a test, which tests/run.sh counts.
Summary() {
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

# Ask THREAD COUNT SIZE WHAT of a program that does what it is asked: returns when it is done. $requests is the descriptor
# that it reads, $answers the file in which it writes a line for each.
# shellcheck disable=SC2154  # both are set by who started the program
Ask() {
  local before i
  before=$(grep -c . "$answers")
  echo "$*" >&"$requests"
  for ((i = 0; i < 3000; ++i)); do
    (($(grep -c . "$answers") > before)) && return
    sleep 0.01
  done
  NotOk "the program answers" "asked: $*"
}

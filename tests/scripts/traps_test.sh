#!/usr/bin/env bash
# tests/traps.md: every trap is there once, every test that it names exists, and every command shows what it says.
# shellcheck disable=SC2016,SC2154  # single quotes hold backticks; claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

table=$root/tests/traps.md

# number <tab> last column, of each row.
Rows() {
  sed -nE 's/^\| *([ABL][0-9]+[a-z]?) *\|.*[^\\]\| *(.*[^ ]) *\| *$/\1\t\2/p' "$table" | sed 's/\\|/|/g'
}

# The names of all GoogleTests: of each its own, and that without its parameter. The instantiation's name is left out.
Tests() {
  local binary
  for binary in "$build"/tests/*_test; do
    "$binary" --gtest_list_tests
  done | awk '
    /^[^ ].*\./ { suite = $1; sub(/^.*\//, "", suite); next }
    /^  / { print suite $1; sub(/\/.*/, "", $1); print suite $1 }' | sort -u
}

Expected() {
  printf 'A%d\n' {1..78}
  printf 'B%d\n' {1..39}
  printf 'L%d\n' {1..25}
  printf 'L8b\nL8c\n'
}

TestNumbers() {
  Equal "every trap stands there exactly once" "$(cut -f 1 rows | sort)" "$(Expected | sort)"
  Equal "every row of the tables is one of them" "$(grep -cE '^\| *[^-n ]' "$table")" "$(wc -l < rows)"
}

# What stands in backticks, one on a line.
Quoted() { grep -oE '`[^`]+`' <<< "$1" | tr -d '`'; }

IsThere() {
  case $1 in
    *_test.sh:\ *) grep -qF -- "${1#*: }" "$root/tests/scripts/${1%%: *}" 2> /dev/null ;;
    *) grep -qxF -- "$1" tests ;;
  esac
}

TestNames() {
  local number text name missing=""
  while IFS=$'\t' read -r number text; do
    case $text in "cannot happen: "* | "pending: "*) continue ;; esac
    [[ -n $(Quoted "$text") ]] || missing+="$number: no test "
    while IFS= read -r name; do
      IsThere "$name" || missing+="$number: $name "
    done < <(Quoted "$text")
  done < rows
  Equal "every test that is named exists" "$missing" ""
}

TestCommands() {
  local number text command bad=""
  while IFS=$'\t' read -r number text; do
    [[ $text == "cannot happen: "* ]] || continue
    command=$(Quoted "$text")
    [[ $text == "cannot happen: \`$command\`" ]] || bad+="$number: not one command "
    (cd "$root" && bash -c "${command//build\//"$build/"}") > /dev/null 2>&1 || bad+="$number: $command "
  done < rows
  Equal "every command shows that it cannot happen" "$bad" ""
}

TestPending() {
  Equal "what is pending waits for something known" \
    "$(cut -f 2 rows | grep '^pending' | grep -vxE 'pending: (locks|diff|check)')" ""
}

Verdicts() {
  Rows > rows
  TestNumbers
  TestNames
  TestCommands
  TestPending
}

# Of a table with each mistake once, no claim holds.
TestMistakes() {
  local count
  printf '| %s | a | b | %s |\n' A1 '`No.Test`' A1 '`traps_test.sh: no such claim`x' A2 'cannot happen' \
    A3 'cannot happen: `false`' A4 'pending: money' C1 '`No.Test`' > mistakes.md
  count=$(table=mistakes.md; Verdicts | grep -c '^not ok')
  Equal "mistakes are noticed" "$count" 5
}

Tests > tests
Verdicts
TestMistakes
Summary

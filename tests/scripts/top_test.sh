#!/usr/bin/env bash
# Tests of `analyzer top`, and of how reports fit a terminal, on programs that say themselves what they do.
#
# Nothing depends on how long anything takes: what a look says happened a second, times how long it says that was, is what
# the program was asked to do.
# shellcheck disable=SC2154  # claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

analyzer=$build/analyzer
on_request=$build/tests/programs/on_request
contended=$build/samples/contended_mutex

# ---- fixtures -----------------------------------------------------------------------------------------

started=0
# Closed in all that is started: the program ends when nobody can ask any more.
exec {requests}> /dev/null

# Start MODE: a program with two threads that allocates on request. Leaves `pid`, `dump`, `requests`, `answers`.
Start() {
  local name=p$((++started))
  mkfifo "$name.requests"
  answers=$work/$name.answers dump=$work/$name.dump
  env LD_PRELOAD="$real_agent" PERFAGENT_OUTPUT="$dump" PERFAGENT_MODE="$1" "$on_request" 2 \
    < "$name.requests" > "$answers" 2> "$name.errors" &
  pid=$!
  exec {requests}> "$name.requests"
  WaitFor ready "$answers" || NotOk "$name starts" "$(< "$name.errors")"
}

EndProgram() {
  exec {requests}>&-
  wait "$pid"
}

# A look is what lies between two lines with the dump's name. Look NUMBER: that one of `looks`.
Look() { awk -v name="$dump" -v wanted="$1" '$0 == name { ++n } n == wanted' looks; }

# How many look's lines "looked at" there are: as many looks are whole.
Looks() { grep -c '^  waits ' looks 2> /dev/null; }

WaitForLooks() {  # so many
  local i
  for ((i = 0; i < 1500; ++i)); do
    (($(Looks) >= $1)) && return
    sleep 0.02
  done
  return 1
}

# ByRequest LOOK FUNCTION COLUMN: a site's figure per second, times the look's seconds, rounded. Figures have three digits.
ByRequest() {
  Look "$1" | awk -v function_name="$2" -v column="$3" '
    function Number(text) { gsub(/[,~+]/, "", text); return text + 0 }
    BEGIN { unit["ms"] = 1e-3; unit["us"] = 1e-6; unit["s"] = 1; unit["min"] = 60 }
    $1 == "looked" { seconds = Number($3) * unit[$4 == "s;" || $4 == "s" ? "s" : substr($4, 1, 2)] }
    index($0, "  " function_name) && !done { print Number($column) * seconds; done = 1 }'
}

# Near CLAIM FOUND EXPECTED: within the 1 % that three digits, and a second that was a little longer, make.
Near() {
  if awk -v found="$2" -v truth="$3" 'BEGIN { exit !(found >= truth * 0.98 && found <= truth * 1.02) }'; then
    Ok "$1"
  else
    NotOk "$1" "got: $2" "expected: $3" "$(< looks)"
  fi
}

# ---- claims -------------------------------------------------------------------------------------------

TestRates() {
  Start full
  Ask 0 1 64 pass
  "$analyzer" top --interval 0.5 "$dump" > looks 2> errors {requests}>&- &
  local top=$! first
  WaitForLooks 1
  Ask 0 20000 100 pass
  Ask 1 10000 64 keep
  first=$(Looks)
  WaitForLooks $((first + 2))
  Ask 1 0 0 drop
  first=$(Looks)
  WaitForLooks $((first + 2))
  EndProgram
  wait "$top"
  local code=$?
  Equal "top ends when the process has, with 0" "$code" 0
  Matches "and says how it ended" "$(tail -n 2 looks)" "exited with status 0 after *next: analyzer report *"

  # What was asked for may fall into two looks: they are added up.
  local calls=0 kept=0 i whole
  whole=$(Looks)
  for ((i = 2; i <= whole; ++i)); do
    calls=$(awk -v a="$calls" -v b="$(ByRequest "$i" AllocateAndFree 1)" 'BEGIN { print a + b }')
    kept=$(awk -v a="$kept" -v b="$(ByRequest "$i" Keep 1)" 'BEGIN { print a + b }')
  done
  Near "the looks add up to the calls that were asked for" "$calls" 20000
  # Of a vector's growth there are some calls more, from another line.
  Near "and to those of another thread" "$kept" 10000
  Matches "blocks that are freed at once are temporary" "$(grep -m 1 'AllocateAndFree(' looks)" "*100.0 %*"
  Matches "blocks that are kept are live" "$(grep 'live  ' looks)" "* in 10,00? blocks*"
  local last
  last=$(grep 'live  ' looks | tail -n 1)
  Matches "and are not when they were dropped" "$last" "* in ? blocks*"
  Equal "a look says no more on stderr" "$(< errors)" ""
}

# The report that is made later is the truth about what is live: it has all events before it.
TestLiveIsThatOfTheReport() {
  Start sample
  Ask 0 60000 100 keep
  Ask 1 60000 1000 pass
  Ask 0 90000 3000 keep
  "$analyzer" top --count 1 "$dump" > looks {requests}>&-
  local top report
  top=$(sed -nE 's/^  live +(~[^(]*) \(.*/\1/p' looks)
  report=$("$analyzer" report --leaks -n 1 "$dump" {requests}>&- | sed -nE 's/^  live +(~[^(]*) \(.*/\1/p' | head -n 1)
  Equal "what is sampled is estimated as the report does" "$top" "$report"
  Matches "with its interval" "$(grep '^  live' looks)" "*live*~*MiB (*MiB to *MiB) in ~*blocks*"
  EndProgram
}

# The program waits for requests: its size is what it was a moment ago.
TestResident() {
  Start full
  Ask 0 1000 3000 keep
  "$analyzer" top --count 1 "$dump" > looks {requests}>&-
  Near "resident memory is what the kernel says of the process" \
    "$(sed -nE 's/^  resident +([0-9.]+) MiB now.*/\1/p' looks)" \
    "$(awk -v page="$(getconf PAGESIZE)" '{ print $2 * page / 1048576 }' "/proc/$pid/statm")"
  EndProgram
}

TestEnded() {
  dump=$work/ended.dump
  env LD_PRELOAD="$real_agent" PERFAGENT_OUTPUT="$dump" "$build/samples/leak" > /dev/null
  Run "$analyzer" top "$dump"
  Expect "a process that has ended is looked at once" 0 ""
  Equal "once" "$(grep -c '^  program ' out)" 1
  Matches "and how it ended is said" "$output" "*exited with status 0 after *"
  Equal "it has no resident memory now" "$(grep -c '^  resident ' out)" 0
  Start off
  EndProgram
  Run "$analyzer" top "$work/none.dump"
  Expect "no such dump is an error that names it" 4 "analyzer: $work/none.dump: No such file or directory"
  Run "$analyzer" top --interval 0 "$dump"
  Expect "an interval of 0 is refused" 2 "*--interval*expected seconds from 0.1*"
}

TestKilled() {
  Start full
  "$analyzer" top --interval 0.2 "$dump" > looks {requests}>&- &
  local top=$!
  WaitForLooks 1
  kill -KILL "$pid"
  { EndProgram; } 2> /dev/null
  wait "$top"
  Matches "a killed process is said to be" "$(tail -n 2 looks)" "killed (or replaced by exec) after *"
}

TestLocks() {
  dump=$work/locks.dump
  env LD_PRELOAD="$real_agent" PERFAGENT_OUTPUT="$dump" PERFAGENT_MODE=full "$contended" > truth
  "$analyzer" top "$dump" > looks
  local name
  name=$("$analyzer" report --contention -n 1 "$dump" | sed -n 's/^  \[L1\] //p')
  Matches "the lock that is waited for has the report's name" "$(grep -A 1 'LOCKS by' looks | tail -n 1)" "*  $name"
  Near "and as many waits as the program counted" "$(ByRequest 1 "$name" 1)" \
    "$(sed -nE 's/.* contended=([0-9]+) .*/\1/p' truth)"
}

# Screen COLUMNS KEYS COMMAND...: what the command writes to a terminal of so many columns and 20 lines.
Screen() {
  local columns=$1 keys=$2
  shift 2
  ([[ -z $keys ]] || { sleep 0.5 && printf '%s' "$keys" && sleep 0.5; }) |
    TERM=xterm script -qec "stty cols $columns rows 20; $*" /dev/null > screen 2>&1
  code=$?
}

TestScreen() {
  if ! Has script; then
    Skip "top on a terminal" "script is missing: apt-get install bsdutils"
    return
  fi
  Start full
  Ask 0 1000 100 pass
  Screen 60 q "env -u COLUMNS -u LINES $analyzer top --interval 60 $dump" {requests}>&-
  Equal "q ends top" "$code" 0
  Matches "on a screen of its own, which it leaves" "$(tr -d '\n' < screen)" \
    $'*\e[[]?1049h\e[[]?25l*\e[[]H*\e[[]?25h\e[[]?1049l*'
  Matches "with its keys" "$(< screen)" "*q: quit*"
  local widest
  # What is left behind when the screen is left keeps words whole, however long this file's directory is.
  widest=$(sed $'s/\e\\[?1049l.*//; T; q' screen | sed $'s/\e\\[[?0-9;]*[A-Za-z]//g; s/\r//g' | wc -L)
  if ((widest <= 60)); then Ok "no line is wider than the terminal"; else NotOk "no line is wider" "$widest columns"; fi
  local lines
  lines=$(tr -d '\r' < screen | sed -n $'/\e\\[H/,/\e\\[J/p' | wc -l)
  if ((lines <= 20)); then Ok "a screen has no more lines than the terminal"; else NotOk "lines" "$lines"; fi
  # Ctrl-C goes to the shell, too, which must live to ask.
  Screen 60 $'\003' "trap : INT; env -u COLUMNS -u LINES $analyzer top --interval 60 $dump; stty -a" {requests}>&-
  Matches "Ctrl-C ends it, too, and the terminal is as it was" "$(< screen)" $'*\e[[]?1049l*[ ;]icanon*[ ]echo *'
  EndProgram
}

TestReportOnATerminal() {
  Has script || { Skip "reports on a terminal" "script is missing" && return; }
  dump=$work/report.dump
  env LD_PRELOAD="$real_agent" PERFAGENT_OUTPUT="$dump" PERFAGENT_MODE=full "$build/samples/leak" > /dev/null
  "$analyzer" report "$dump" > piped
  if grep -q $'\e' piped; then NotOk "a pipe has no colours"; else Ok "a pipe has no colours"; fi
  Equal "and COLUMNS shortens nothing in it" "$(COLUMNS=40 "$analyzer" report "$dump")" "$(< piped)"
  Equal "--color always adds colours and nothing else" \
    "$("$analyzer" report --color always "$dump" | sed $'s/\e\\[[0-9;]*m//g')" "$(< piped)"
  Screen 80 "" "env -u COLUMNS -u NO_COLOR $analyzer report $dump"
  Matches "a terminal has colours" "$(< screen)" $'*\e[[]1m*'
  Equal "and no line wider than it is, words that do not fit apart" \
    "$(sed $'s/\e\\[[0-9;]*m//g; s/\r//g' screen | awk 'length > 80 && NF > 1')" ""
  Screen 80 "" "env NO_COLOR=1 $analyzer report $dump"
  if grep -q $'\e\\[1m' screen; then NotOk "NO_COLOR means none"; else Ok "NO_COLOR means none"; fi
  Screen 80 "" "env TERM=dumb $analyzer report $dump"
  if grep -q $'\e\\[1m' screen; then NotOk "nor has a dumb terminal"; else Ok "nor has a dumb terminal"; fi
  Screen 80 "" "env TERM=dumb $analyzer report --color always $dump"
  Matches "--color always outweighs both" "$(< screen)" $'*\e[[]1m*'
}

TestRates
TestLiveIsThatOfTheReport
TestResident
TestEnded
TestKilled
TestLocks
TestScreen
TestReportOnATerminal
Summary

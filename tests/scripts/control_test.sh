#!/usr/bin/env bash
# Tests of `perfagent status`, `pause`, `resume` and `interval`, on programs that run under the real
# agent and count themselves what they allocate.
# shellcheck disable=SC2154  # claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

analyzer=$build/analyzer
on_request=$build/tests/programs/on_request

# ---- fixtures -----------------------------------------------------------------------------------------

started=()  # processes to end

# Start NAME=VALUE...: a program that allocates on request, with two threads. Leaves `pid`, `dump`.
Start() {
  local name=p${#started[@]}
  mkfifo "$name.requests"
  StartAs "$name" env LD_PRELOAD="$real_agent" PERFAGENT_OUTPUT="$work/$name.dump" "$@" \
    "$on_request" 2
  dump=$work/$name.dump
}

StartAs() {  # name, command...: its requests are read from NAME.requests
  answers=$1.answers
  "${@:2}" < "$1.requests" > "$answers" 2> "$1.errors" &
  pid=$!
  started+=("$pid")
  exec {requests}> "$1.requests"
  WaitFor ready "$answers" || NotOk "$1 starts" "$(< "$1.errors")"
}

# How many blocks of this size the dump has.
Recorded() { "$analyzer" events "$dump" | awk -v size="$1" '$3 == "malloc" && $5 == size' | wc -l; }

# The number at an offset of a file.
Word() { od -An -v -t"u$3" -j "$2" -N "$3" -- "$1" | tr -d ' '; }

Patch() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

EndAll() {
  kill -KILL "${started[@]}"
  wait "${started[@]}"
} 2> /dev/null

# ---- claims -------------------------------------------------------------------------------------------

# A program that prints the fields' offsets and sizes and the losses' names, from the format itself.
WriteFormatProgram() {
  printf '#include <cstdio>\n#include "perfagent/dump_format.h"\nint main() {\n'
  local name
  while read -r name _; do
    printf 'printf("%s %%zu %%zu\\n", offsetof(perfagent::HeaderPage, %s),\n' "$name" "$name"
    printf '  sizeof(perfagent::HeaderPage::%s));\n' "$name"
  done
  printf '#define NAME(id, name, help) puts(name);\nPERFAGENT_LOSSES(NAME)\n}\n'
}

# The script has offsets and names of its own: the compiler knows those of the format.
TestFormat() {
  if ! Has c++; then
    Skip "offsets, sizes and causes of loss are those of dump_format.h" "no C++ compiler"
    return
  fi
  sed -n 's/^ *\[\([a-z_]*\)\]="\([0-9]*\) \([0-9]*\)"$/\1 \2 \3/p' "$perfagent" > fields
  sed -n '/kLosses=(/,/)$/p' "$perfagent" | sed 's/.*(//; s/)//' | xargs -n 1 > losses
  WriteFormatProgram < fields > format.cc
  c++ -std=c++20 -w -I "$root/include" format.cc -o format
  Equal "offsets, sizes and causes of loss are those of dump_format.h" "$(cat fields losses)" \
    "$(./format)"
  Matches "there are such" "$(wc -l < fields) $(wc -l < losses)" "1[0-9] 1[0-9]"
}

TestUsage() {
  Run "$perfagent" pause
  Expect "no process is a usage error" 2 "*pause: no process*"
  Run "$perfagent" resume 12 x3
  Expect "what is no process id is named" 2 "*'x3' is not a process id*"
  Run "$perfagent" interval 12
  Expect "an interval without size is a usage error" 2 "*expected PID... SIZE*"
  local value bad=""
  for value in 0 2T 5X -1 1.5K 99999999999T full; do
    Run "$perfagent" interval $$ "$value"
    [[ $code == 2 && $errors == *"'$value' is not allowed: expected auto, or bytes between"* ]] ||
      bad+="$value "
  done
  Equal "an interval is what --interval allows" "$bad" ""
  Run "$perfagent" status --help
  Matches "status --help is the help" "$output" "usage:*"
}

TestNoDump() {
  true &
  wait $!
  Run "$perfagent" pause $!
  Expect "a process that is not there is named" 1 "*process $!: there is no such process"
  sleep 300 &
  started+=("$!")
  Run "$perfagent" status $!
  Expect "a process that is not watched is told, and what was looked for" 1 \
    "*process $!: not watched: expected *PFADUMP1*/proc/$!/maps"
  LD_PRELOAD=$real_agent PERFAGENT_MODE=off sleep 300 &
  started+=("$!")
  until grep -q libperfagent "/proc/$!/maps"; do sleep 0.02; done
  Run "$perfagent" pause $!
  Expect "an agent that records nothing is told" 1 \
    "*process $!: the agent is loaded and records nothing*"
  Equal "nothing is printed as a result" "$output" ""
}

TestPause() {
  Start PERFAGENT_MODE=full
  Ask 0 1000 4001 pass
  Equal "before the pause everything is recorded" "$(Recorded 4001)" 1000
  Ask 0 100 4002 keep
  Run "$perfagent" pause "$pid"
  Expect "pause says what it did" 0 "*process $pid: paused"
  Ask 0 1000 4003 pass
  Ask 1 1000 4003 pass
  Ask 0 0 0 drop
  Equal "while paused no allocation is recorded, of whatever thread" "$(Recorded 4003)" 0
  local frees
  frees=$("$analyzer" events "$dump" | awk '
    $3 == "malloc" && $5 == 4002 { kept[$4] = 1 } $3 == "free" && kept[$4] { ++n } END { print n }')
  Equal "while paused frees are recorded: what was freed does not leak" "$frees" 100
  Matches "the report says that it is paused" "$("$analyzer" report "$dump")" "*mode * paused*"
  Matches "so does status" "$("$perfagent" status "$pid")" "*state *paused*"
  Run "$perfagent" resume "$pid"
  Expect "resume says what it did" 0 "*process $pid: recording"
  Ask 0 1000 4004 pass
  Ask 1 500 4004 pass
  Equal "after resume every allocation is recorded again" "$(Recorded 4004)" 1500
  Run "$perfagent" resume "$pid"
  Expect "twice is as good as once" 0 "*process $pid: recording"
}

# Blocks and bytes that the report says are live, of those that Keep and Grow allocated.
Live() {
  "$analyzer" report --format json "$dump" | python3 -c '
import json, sys
sites = json.load(sys.stdin)["processes"][0]["heap"]["sites"]
ours = [s for s in sites if s["stack"][0]["function"].startswith(("Keep(", "Grow("))]
print(*(round(sum(s[m]["value"] for s in ours)) for m in ("leaked_blocks", "leaked_bytes")))'
}

# What is live afterwards is what was allocated while recording and not freed since.
TestLiveAcrossPause() {
  if ! Has python3; then
    Skip "what is live is right across a pause" "no python3"
    return
  fi
  Start PERFAGENT_MODE=full
  Ask 0 100 4001 keep
  Ask 1 50 4002 keep
  Equal "blocks are live before the pause" "$(Live)" "150 $((100 * 4001 + 50 * 4002))"
  "$perfagent" pause "$pid" 2> err
  Ask 0 0 9000 grow
  Ask 0 10 4003 keep
  Equal "what grows while paused is not live any more" "$(Live)" "50 $((50 * 4002))"
  "$perfagent" resume "$pid" 2> err
  Ask 0 0 0 drop
  Equal "freeing what was not recorded changes nothing" "$(Live)" "50 $((50 * 4002))"
  Ask 1 0 5000 grow
  Equal "what grows after the pause is live with its new size" "$(Live)" "50 $((50 * 5000))"
  Ask 1 0 0 drop
  Equal "and ends when it is freed" "$(Live)" "0 0"
}

TestStartPaused() {
  Start PERFAGENT_MODE=full PERFAGENT_START=paused
  Ask 0 1000 4001 pass
  Equal "START=paused records no allocation" "$(Recorded 4001)" 0
  Run "$perfagent" resume "$pid"
  Ask 0 1000 4002 pass
  Equal "resume starts it" "$(Recorded 4002)" 1000
}

TestSampledPause() {
  Start PERFAGENT_INTERVAL=1K PERFAGENT_SEED=1
  Run "$perfagent" pause "$pid"
  Ask 0 2000 4003 pass
  Equal "sampling stops while paused" "$(Recorded 4003)" 0
  Run "$perfagent" resume "$pid"
  Ask 0 2000 4004 pass
  IsNear "and goes on afterwards" "$(Recorded 4004)" "$(ExpectedSamples 2000 4004 1024)"
}

TestSeveral() {
  local first second
  Start PERFAGENT_MODE=full
  first=$pid
  Start PERFAGENT_MODE=full
  second=$pid
  Run "$perfagent" pause "$first" $$ "$second"
  Expect "one command pauses several, and says for which it could not" 1 \
    "*process $first: paused*process $$: not watched*process $second: paused"
  Run "$perfagent" status "$first" "$second"
  Equal "status is of each" "$(grep -c 'state  *paused' out)" 2
}

# ---- intervals ----

# Mean and standard deviation of the number of samples among COUNT blocks of SIZE at INTERVAL.
ExpectedSamples() {
  awk -v n="$1" -v s="$2" -v r="$3" \
    'BEGIN { p = 1 - exp(-(s + 1) / r); printf "%.1f %.1f\n", n * p, sqrt(n * p * (1 - p)) }'
}

# IsNear CLAIM NUMBER "MEAN DEVIATION": six deviations, and one for rounding.
IsNear() {
  if awk -v x="$2" '{ d = x - $1; exit !(d <= 6 * $2 + 1 && -d <= 6 * $2 + 1) }' <<< "$3"; then
    Ok "$1"
  else
    NotOk "$1" "got: $2" "expected (mean, deviation): $3"
  fi
}

Intervals() { "$analyzer" events "$dump" | grep '^# .* interval '; }

# A thread notices a request within 16 MiB of its allocations.
Notice() {
  Ask 0 4000 9001 pass
  Ask 1 4000 9001 pass
}

TestInterval() {
  Start PERFAGENT_INTERVAL=1T PERFAGENT_SEED=1
  Ask 0 1000 4001 pass
  Equal "at an interval of 1T, 4 MB leave no sample" "$(Recorded 4001)" 0
  Run "$perfagent" interval "$pid" 8K
  Expect "interval says what it did" 0 "*process $pid: interval 8192 bytes"
  Matches "status has both intervals" "$("$perfagent" status "$pid")" \
    "*interval *1.00 TiB configured, 8.00 KiB requested*"
  Notice
  Matches "the change is in the events" "$(Intervals)" "*interval 8192*"
  Ask 0 20000 5003 pass
  IsNear "from then on blocks are sampled at the new mean" "$(Recorded 5003)" \
    "$(ExpectedSamples 20000 5003 8192)"
  Ask 1 20000 5004 pass
  IsNear "in other threads too" "$(Recorded 5004)" "$(ExpectedSamples 20000 5004 8192)"
  TestEstimate
  Run "$perfagent" interval "$pid" auto
  Expect "auto goes back to what was configured" 0 "*process $pid: interval $((1 << 40)) bytes"
  Notice
  Ask 0 1000 4005 pass
  Equal "and blocks are sampled as in the beginning" "$(Recorded 4005)" 0
}

# The report's number of allocations, and its standard deviation.
Estimate() {
  "$analyzer" report --format json "$dump" | python3 -c '
import json, sys
number = json.load(sys.stdin)["processes"][0]["heap"]["allocations"]
print(number["value"], (number["high"] - number["low"]) / 3.92)'
}

# What is allocated now is what the estimate must grow by.
TestEstimate() {
  local before after growth
  if ! Has python3; then
    Skip "the report's estimate grows by the truth" "no python3"
    return
  fi
  before=$(Estimate)
  Ask 0 20000 6001 pass
  Ask 1 20000 6001 pass
  after=$(Estimate)
  growth=$(awk '{ print $3 - $1, $4, ($4 < 2000 ? "narrow" : "wide") }' <<< "$before $after")
  Matches "the report's estimate is narrow" "$growth" "* narrow"
  IsNear "and grows by the truth" 40000 "$growth"
}

# Words that mean nothing, written past the command.
TestWordsNotAllowed() {
  Start PERFAGENT_INTERVAL=1 PERFAGENT_SEED=1
  Patch "$dump" 3852 '\002\000\000\000'
  Patch "$dump" 3864 '\001\000\000\000\000\001\000\000'  # 1T + 1
  Ask 0 1000 4001 pass
  Equal "words that are not allowed have no effect" "$(Recorded 4001)" 1000
  Equal "nor are they in the events" "$(Intervals | awk '{ print $5 }' | sort -u)" 1
  Run "$perfagent" status "$pid"
  Matches "status says what is in force" "$output" \
    "*state *recording*interval *1 B configured, none requested*"
}

# Two threads allocate for ever, and the interval changes under them.
TestManyChanges() {
  local i requests=(128K 4328719365 65793 1M 33686018) truth
  if ! Has python3; then
    Skip "estimates hold when the interval changes" "no python3"
    return
  fi
  dump=$work/progress.dump
  LD_PRELOAD=$real_agent PERFAGENT_OUTPUT=$dump PERFAGENT_INTERVAL=256K PERFAGENT_LOCKS=0 \
    "$build/tests/programs/progress" counts 2 &
  pid=$!
  started+=("$pid")
  until [[ -s $dump && -s counts ]]; do sleep 0.02; done
  for ((i = 0; i < 25; ++i)); do
    "$perfagent" interval "$pid" "${requests[i % ${#requests[@]}]}" 2> err || NotOk "$(< err)"
  done
  kill -KILL "$pid"
  wait "$pid" 2> /dev/null
  Intervals | awk '{ print $5 }' > seen
  # A block sampled before a request and put away after it counts with the grid point below (sampling.h).
  Equal "no thread ever saw half a request" \
    "$(grep -vxE '262144|131072|4328719365|65793|1048576|33686018|4294967296|65536|33554432' seen)" ""
  Matches "requests were seen" "$(wc -l < seen)" "[1-9][0-9]*"
  truth=$(($(Word counts 16 8) + $(Word counts 80 8)))
  IsNear "and the estimate is right over all intervals" "$truth" "$(Estimate)"
}

TestIntervalRefused() {
  Start PERFAGENT_MODE=full
  Run "$perfagent" interval "$pid" 64K
  Expect "in full mode an interval is refused" 1 "*process $pid: mode full: *no effect*"
  Equal "and nothing is written" "$(Word "$dump" 3864 8)" 0
  Start PERFAGENT_MODE=full PERFAGENT_MAX_SIZE=64K
  Ask 0 20000 64 pass
  Run "$perfagent" interval "$pid" 64K
  Expect "but not where its file was nearly full" 0 "*process $pid: interval 65536 bytes*"
  Start PERFAGENT_HEAP=0
  Run "$perfagent" interval "$pid" 64K
  Expect "without heap an interval is refused" 1 "*process $pid: its heap is not recorded*"
  Equal "and nothing is written there either" "$(Word "$dump" 3864 8)" 0
}

# ---- status ----

FactOf() { awk -v name="$1" '$1 == name { print $2 }' <<< "$facts"; }

TestStatus() {
  # One segment: no room for the second thread.
  Start PERFAGENT_MODE=full PERFAGENT_MAX_SIZE=64K
  Ask 0 200000 64 pass
  Ask 1 200000 64 pass
  Run "$perfagent" status "$pid"
  Equal "status succeeds" "$code" 0
  Matches "status names the program" "$output" "*program *$(readlink "/proc/$pid/exe")*"
  Matches "status names process and host" "$output" "*pid *$pid on $(uname -n)*"
  Matches "status names the dump" "$output" "*dump *$dump*"
  Matches "status names mode and state" "$output" \
    "*mode *full until its file was nearly full, now sampled, heap, locks*state *recording*"
  local facts
  facts=$("$analyzer" info "$dump" | tr -d ,)
  Matches "status says since when" "$output" "*since *$(FactOf started)*"
  Matches "status says what is on disk" "$output" \
    "*size *$(FactOf claimed) segments, *KiB on disk, at most 40.0 KiB*"
  local lost
  lost=$(FactOf file_full)
  Matches "there are losses to tell" "$lost" "[1-9]*"
  Matches "status tells losses by cause" "$output" "*lost *$lost file_full*"
  Matches "status ends with the next command" "$output" "*next: *analyzer report $dump"
  Start PERFAGENT_MODE=sample PERFAGENT_LOCKS=0 PERFAGENT_INTERVAL=64K
  Matches "without losses it says so" "$("$perfagent" status "$pid")" \
    "*mode *sample, heap"$'\n'"*interval *64.0 KiB configured, none requested*lost *nothing*"
}

# ---- what is written, and to what ----

# What strace sees of a command's writes to the dump.
WritesOf() {
  strace -y -f -o trace -e trace=write,openat "$perfagent" "$@" 2> /dev/null
  grep -F "write(1<$dump>" trace | grep -oE ', ".*'
}

TestOneWrite() {
  if ! Has strace || ! strace -o /dev/null true 2> /dev/null; then
    Skip "a word is written at once" "strace is missing, or ptrace forbidden"
    return
  fi
  Start
  Equal "the word paused is one write" "$(WritesOf pause "$pid" | tr -s ' ')" ', "\1\0\0\0", 4) = 4'
  Equal "the word interval_request is one write" "$(WritesOf interval "$pid" 64K | tr -s ' ')" \
    ', "\0\0\1\0\0\0\0\0", 8) = 8'
  Equal "no file is created or cut" "$(grep -E 'O_CREAT|O_TRUNC' trace | grep -vF '"/dev/null"')" ""
  Equal "64K is what the process sees" "$(Word "$dump" 3864 8)" 65536
}

BuildMapper() {
  cat > mapper.c << 'END'
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char** argv) {
  int fd = open(argv[argc - 1], O_RDWR);
  if (mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED) return 1;
  puts("ready");
  fflush(stdout);
  pause();
}
END
  cc mapper.c -o mapper
}

Map() {  # file; leaves `pid` of a process that maps it
  : > mapper.out
  ./mapper "$1" > mapper.out &
  pid=$!
  started+=("$pid")
  WaitFor ready mapper.out
}

# Foreign FILE CLAIM PATTERN: a process that maps FILE is not controlled, and FILE is left alone.
Foreign() {
  Map "$1"
  cp "$1" before
  Run "$perfagent" pause "$pid"
  Expect "$2" 1 "perfagent: process $pid: $3"
  cmp -s before "$1" || NotOk "$2: the file is left alone"
}

# A dump is its process's where its header says so: the same file with the right pid is controlled.
TestOwner() {
  Map own
  Patch own 96 "$(printf '\\x%02x' $((pid & 255)) $((pid >> 8 & 255)) $((pid >> 16)) 0)"
  Run "$perfagent" pause "$pid"
  Equal "with the process's id in its header it is its dump" "$code $(Word own 3852 4)" "0 1"
  Patch own 3844 '\001'
  Run "$perfagent" resume "$pid"
  Expect "a recording that has ended is left alone, and told" 1 "*process $pid: *own: *has ended"
  Equal "its words are" "$(Word own 3852 4)" 1
  Matches "status says that it has ended" "$("$perfagent" status "$pid")" "*state *ended*"
}

TestForeignFiles() {
  if ! Has cc; then
    Skip "files that are not this agent's" "no C compiler"
    return
  fi
  BuildMapper
  Start
  head -c 65536 "$dump" > other_pid
  cp other_pid major && Patch major 8 '\011\000'
  cp other_pid machine && Patch machine 12 '\267\000'
  cp other_pid magic && Patch magic 7 '2'
  cp other_pid own
  Foreign other_pid "another process's dump is left alone" "*: the dump of process $pid, expected *"
  Foreign major "another format is named, with the one expected" "*format 9.[0-9]*, expected 8.x*"
  Foreign machine "another machine's is named" "*machine 183, expected 62*"
  Foreign magic "a file that does not begin with the magic is no dump" "not watched: *"
  TestOwner
}

TestThread() {
  Start
  local thread
  for thread in "/proc/$pid/task/"*; do
    thread=${thread##*/}
    ((thread == pid)) || break
  done
  Run "$perfagent" pause "$thread"
  Expect "a thread's id is told to be one, with its process" 1 \
    "*process $thread: this is a thread of process $pid"
}

# `perfagent run -- PROGRAM & perfagent pause $!`
TestWrapper() {
  mkfifo run.requests
  StartAs run env PERFAGENT_LIB="$real_agent" "$perfagent" run --mode full \
    --output "$work/run.dump" -- "$on_request" 2
  dump=$work/run.dump
  Run "$perfagent" pause "$pid"
  Expect "the wrapper stands for its program" 0 "*process $(Word "$dump" 96 4): paused"
  Ask 0 100 4001 pass
  Equal "which is paused" "$(Recorded 4001)" 0
  exec {requests}>&-
  wait "$pid"
  Equal "and ends as ever" "$?" 0
}

# ---- names, users, name spaces ----

StartIn() {  # directory, command before the program...
  mkfifo "$work/in${#started[@]}.requests"
  StartAs "$work/in${#started[@]}" "${@:2}" env LD_PRELOAD="$real_agent" \
    PERFAGENT_OUTPUT="$1/dump" PERFAGENT_MODE=full "$on_request" 2
}

TestNames() {
  local name directory next bad=""
  for name in 'with space' $'new\nline' 'back\012slash' 'gone (deleted)'; do
    directory=$work/$name
    mkdir "$directory"
    StartIn "$directory"
    "$perfagent" pause "$pid" 2> err
    [[ $(Word "$directory/dump" 3852 4) == 1 ]] || bad+="$name: $(< err) "
    "$perfagent" status "$pid" > out
    next=$(sed -n 's/^next: .* report //p' out)
    bash -c "[[ $next -ef \$0 ]]" "$directory/dump" || bad+="$name: next: $next "
  done
  Equal "dumps are found whatever their names are" "$bad" ""
  rm "$directory/dump"
  Run "$perfagent" resume "$pid"
  if [[ -e $(compgen -G "/proc/$pid/map_files/*" | head -n 1) ]]; then
    Expect "root reaches a deleted dump" 0 "*process $pid: recording"
    Run "$perfagent" status "$pid"
    Matches "and its name is one that works" "$output" \
      "*dump */proc/$pid/map_files/*state *recording*"
  else
    Expect "without the capability a deleted dump is not reached, which is said" 1 \
      "*process $pid: *$directory/dump (deleted)*expected its owner, or root with CAP*"
  fi
}

# As a user who is not root: everything goes through names, and not everything is permitted.
TestUsers() {
  if (($(id -u) != 0)) || ! Has setpriv; then
    Skip "other users" "not root, or no setpriv"
    return
  fi
  local as=(setpriv --reuid 65534 --regid 65534 --clear-groups) name directory bad=""
  chmod 755 . && mkdir -m 777 open && cp "$perfagent" "$real_agent" "$on_request" open
  chmod 755 open/*
  local perfagent=$work/open/perfagent real_agent=$work/open/libperfagent.so
  local on_request=$work/open/on_request
  Start
  Run "${as[@]}" "$perfagent" status "$pid"
  Expect "a process of another user is not permitted, and whose it is told" 1 \
    "*process $pid: /proc/$pid/maps: not permitted: expected its user, root*"
  for name in 'plain' $'new\nline' 'back\012slash' 'gone (deleted)'; do
    directory=$work/open/$name
    mkdir -m 777 "$directory"
    StartIn "$directory" "${as[@]}"
    "${as[@]}" "$perfagent" pause "$pid" 2> err
    [[ $(Word "$directory/dump" 3852 4) == 1 ]] || bad+="$name: $(< err) "
  done
  Equal "a user controls processes of his own" "$bad" ""
  mv "$directory/dump" "$directory/moved"
  Run "${as[@]}" "$perfagent" resume "$pid"
  Equal "a dump that was renamed is still found" "$code $(Word "$directory/moved" 3852 4)" "0 0"
  # A copy, under the very name that maps now shows.
  cp "$directory/moved" "$directory/moved (deleted)" && chmod 666 "$directory/moved (deleted)"
  rm "$directory/moved"
  Run "${as[@]}" "$perfagent" pause "$pid"
  Equal "a file that has a dump's name and is not mapped is left alone" \
    "$(Word "$directory/moved (deleted)" 3852 4)" 0
  Expect "a deleted dump needs root, which is said" 1 \
    "*process $pid: *cannot be opened here: expected its owner, or root with CAP*"
}

# A process with mounts and process ids of its own, as in a container.
TestNamespaces() {
  if ! unshare --mount --pid --fork true 2> /dev/null || ! Has setpriv; then
    Skip "processes in other name spaces" "unshare is not permitted"
    return
  fi
  local as=(setpriv --reuid 65534 --regid 65534 --clear-groups) outside
  mkdir -m 777 open/mounted
  local real_agent=$work/open/libperfagent.so on_request=$work/open/on_request
  StartIn "$work/open/mounted" unshare --mount --pid --fork --kill-child sh -c \
    "mount -t tmpfs none open/mounted && chmod 777 open/mounted && exec \"\$@\"" sh "${as[@]}"
  outside=$(pgrep -P "$pid")
  dump=/proc/$outside/root$work/open/mounted/dump
  Equal "the dump is not to be seen from here" "$(ls open/mounted)" ""
  Matches "the process has another id inside" "$(Word "$dump" 96 4)" 1
  Run "$perfagent" pause "$outside"
  Expect "root controls it from outside" 0 "*process $outside: paused"
  Equal "its word is written" "$(Word "$dump" 3852 4)" 1
  Run "${as[@]}" "$work/open/perfagent" resume "$outside"
  Equal "its user does too" "$code $(Word "$dump" 3852 4)" "0 0"
  Run "$perfagent" status "$outside"
  Matches "its dump gets a name that works here" "$output" \
    "*dump  */proc/$outside/root$work/open/mounted/dump*"
}

Main() {
  local program
  for program in "$real_agent" "$analyzer" "$on_request"; do
    [[ -e $program ]] || { Skip "everything" "no $program"; Summary; exit; }
  done
  trap 'EndAll; rm -rf "$work"' EXIT
  TestFormat
  TestUsage
  TestNoDump
  TestPause
  TestLiveAcrossPause
  TestStartPaused
  TestSampledPause
  TestSeveral
  TestInterval
  TestWordsNotAllowed
  TestManyChanges
  TestIntervalRefused
  TestStatus
  TestOneWrite
  TestForeignFiles
  TestThread
  TestWrapper
  TestNames
  TestUsers
  TestNamespaces
  Summary
}

Main

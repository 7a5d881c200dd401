#!/usr/bin/env bash
# The program matrix: real programs without the agent and in each of its modes, and what differs.
#
#   run.sh [NAME...]     all programs, or these
#
# A row passes when the program writes the same to stdout and stderr and exits the same, every process's dump can be
# read, and nothing was lost. Times and counts are for reading. The last line is "N passed, N failed, N skipped".
#
# A program is a file NAME.sh here. It sets
#   packages          the Debian packages that it needs
#   commands          which commands of theirs it runs
#   times             how often the work is done, if more than once: it is to take about a second without the agent
#   few_allocations   why it does not allocate 100,000 times, where that is so (measured in full mode)
# and defines functions, which support/work.sh runs, and which may use what stands there:
#   Prepare, Clean    (may be missing) make in $inputs what the runs share; remove what is outside of it
#   Work              the work, in an empty directory; what it writes and returns is compared
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BUILD_DIR:-build}
case $build in /*) ;; *) build=$root/$build ;; esac
programs=${PROGRAMS_DIR:-$here}
enough_allocations=100000
seconds_at_most=300

# A program's dumps are as many as its processes; killed ones leave theirs at full (sparse) size.
work=$(mktemp -d /tmp/programs.XXXXXX)
passed=0 failed=0 skipped=0
program=
trap 'rm -rf "$work"' EXIT
# What runs as another user reads the agent and writes dumps.
chmod 755 "$work"
cp "$build/libperfagent.so" "$work/" || exit 1
unset "${!PERFAGENT_@}" LD_PRELOAD MAKEFLAGS MFLAGS
# Debian's programs come before others of the same name.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C.UTF-8 TZ=UTC
export inputs=$work/inputs dumps=$work/dumps agent=$work/libperfagent.so

# Stage FUNCTION [MODE]: a function of the program, in a process group that ends when it hangs.
Stage() {
  [[ -z $program ]] || mode=${2:-bare} timeout --kill-after=20 "$seconds_at_most" \
    bash "$here/support/work.sh" "$programs/$program.sh" "$1"
}

Fresh() {
  rm -rf "$@"
  mkdir "$@"
}

# Each time in the same, empty directory: programs name it in what they write.
WorkTimes() (
  for ((n = 0; n < ${times:-1}; ++n)); do
    Fresh "$work/run"
    cd "$work/run" && Stage Work "$1" || exit
  done
)

# Run MODE: leaves MODE.out, MODE.err, the exit status and the time.
Run() {
  local mode=$1 begin
  Fresh "$dumps"
  chmod 1777 "$dumps"
  begin=${EPOCHREALTIME/./}
  WorkTimes "$mode" < /dev/null > "$work/$mode.out" 2> "$work/$mode.err"
  status=$?
  microseconds=$((${EPOCHREALTIME/./} - begin))
}

# What the dumps hold: number of dumps, events, allocations, lost events, lost details, damages.
Counts() {
  "$build/analyzer" info "$dumps" | awk '
    NF == 0 { next }
    /^[^ ]/ { section = $1; dumps += /\.dump/; next }
    { number = $2; gsub(",", "", number) }
    section == "records" && $1 == "events" { events += number }
    section == "records" && ($1 == "alloc" || $1 == "realloc") { allocations += number }
    section == "lost" && ($1 == "no_stack" || $1 == "module_table_full") { details += number; next }
    section == "lost" { lost += number }
    section == "damage" && $1 != "none" { ++damages }
    END { print dumps + 0, events + 0, allocations + 0, lost + 0, details + 0, damages + 0 }'
  return "${PIPESTATUS[0]}"
}

# The one line that the agent prints unasked, in each process whose own malloc keeps the heap from it: expected, and noted.
own_malloc='^perfagent: .* defines malloc itself, before the agent: '
TakeOwnMallocLines() {
  grep -aq "$own_malloc" "$1" || return
  sed -i "/$own_malloc/d" "$1"
  notes="own malloc, said on stderr; "
}

# Problem WORDS: one reason why the row does not pass.
Problem() { problems+=("$*"); }

Compare() {
  local what=$1 mode=$2
  cmp -s "$work/bare.$what" "$work/$mode.$what" && return
  same=no
  Problem "its $what differs (< bare, > $mode):" \
    $'\n'"$(diff -a "$work/bare.$what" "$work/$mode.$what" | cut -c 1-200 | head -20)"
}

PrintRow() {
  printf '%-14s %-7s %-5s %5s %8s %7s %6s %11s %11s %6s %8s  %s\n' "$@"
}

Ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

# Row MODE, after the bare run.
Row() {
  local mode=$1 same=yes notes='' count events allocations lost details damages
  local -a problems=()
  Run "$mode"
  read -r count events allocations lost details damages < <(
    Counts 2> "$work/info.err" || echo "0 0 0 0 0 analyzer")
  TakeOwnMallocLines "$work/$mode.err"
  Compare out "$mode"
  Compare err "$mode"
  ((status == bare_status)) || Problem "exit status $status, bare $bare_status"
  ((count > 0)) || Problem "no dumps: $(head -5 "$work/info.err")"
  ((lost == 0)) || Problem "$lost events lost"
  [[ $damages == 0 ]] || Problem "$damages dumps are damaged: $(head -5 "$work/info.err")"
  if [[ $mode == full ]] && ((allocations < enough_allocations)); then
    notes+="few allocations: ${few_allocations:-no reason given}"
    [[ -n $few_allocations ]] || Problem "only $allocations allocations"
  fi
  PrintRow "$program" "$mode" "$same" "$status" "$(Ratio "$bare_microseconds" 1000000)" \
    "$(Ratio "$microseconds" "$bare_microseconds")" "$count" "$events" "$allocations" "$lost" \
    "$details" "${notes%; }"
  if ((${#problems[@]} == 0)); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '    %s\n' "${problems[@]}"
  fi
}

# Leaves the settings of the program's file.
Settings() {
  local name
  packages='' commands='' times='' few_allocations=''
  for name in packages commands times few_allocations; do
    printf -v "$name" '%s' "$(bash -c 'source "$1" && echo "${!2-}"' - "$programs/$program.sh" "$name")"
  done
}

Missing() {
  local command
  for command in $commands; do
    type -P "$command" > /dev/null || echo "$command"
  done
}

RunProgram() {
  local missing bare_status bare_microseconds mode
  program=$1
  Settings
  missing=$(Missing)
  if [[ -n $missing ]]; then
    echo "$program: missing ${missing//$'\n'/, }: apt-get install $packages"
    if [[ ${CI:-} == true ]]; then failed=$((failed + 2)); else skipped=$((skipped + 2)); fi
    return
  fi
  Fresh "$inputs"
  Stage Prepare > "$work/prepare" 2>&1 < /dev/null || tail -20 "$work/prepare"
  Run bare
  bare_status=$status bare_microseconds=$microseconds
  if ((bare_status != 0)) || [[ ! -s $work/bare.out ]]; then
    echo "$program: does not work without the agent either (exit status $bare_status)"
    head -20 "$work/bare.err"
    failed=$((failed + 2))
  else
    for mode in sample full; do Row "$mode"; done
  fi
  Stage Clean
  program=
}

trap 'Stage Clean; rm -rf "$work"' EXIT
if (($# == 0)); then
  for file in "$programs"/*.sh; do
    file=${file##*/}
    [[ $file == run.sh ]] || set -- "$@" "${file%.sh}"
  done
fi
PrintRow program mode same exit bare-s ratio dumps events allocs lost nostack note
for name; do RunProgram "$name"; done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))

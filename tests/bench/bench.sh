#!/usr/bin/env bash
# The table of costs: nanoseconds per pair and seconds of a real program, bare and under the agent and heaptrack.
# Everything is interleaved in one run; medians of $ROUNDS rounds, and the difference to bare. No assertion: a table.
set -eu
build=${BUILD_DIR:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
rounds=${ROUNDS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
agent=$build/libperfagent.so
pair=$build/bench/pair

under() {  # under TOOL COMMAND...: runs the command, its output on stdout
  local tool=$1
  shift
  case $tool in
    bare) "$@" ;;
    off | sample | full) PERFAGENT_MODE=$tool PERFAGENT_OUTPUT=$work/%p.dump LD_PRELOAD=$agent "$@" ;;
    heaptrack) heaptrack -o "$work/ht.out" "$@" | grep -E '^[0-9.]+$' ;;
  esac
  rm -rf "$work"/*.dump "$work"/ht.out*
}

seconds() {  # wall time of a command, its output thrown away
  local begin end
  begin=$(date +%s%N)
  "$@" >/dev/null 2>&1 || true
  end=$(date +%s%N)
  awk "BEGIN { printf \"%.3f\n\", ($end - $begin) / 1e9 }"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

row() {  # row NAME UNIT MEASURE TOOLS...: MEASURE is a function of the tool that prints one number
  local name=$1 unit=$2 measure=$3 tool bare
  shift 3
  for _ in $(seq "$rounds"); do
    for tool in "$@"; do "$measure" "$tool" >>"$work/$tool.numbers" 2>/dev/null; done
  done
  bare=$(median <"$work/bare.numbers")
  for tool in "$@"; do
    median <"$work/$tool.numbers" | awk -v name="$name" -v tool="$tool" -v bare="$bare" -v unit="$unit" \
      '{ printf "%-34s %-10s %10.2f %-3s %+10.2f %8.2fx\n", name, tool, $1, unit, $1 - bare, $1 / bare }'
  done
  rm -f "$work"/*.numbers
}

alloc1() { under "$1" "$pair" alloc 1 "$([ "$1" = bare ] || [ "$1" = off ] || [ "$1" = sample ] && echo 20000000 || echo 500000)"; }
alloc2() { under "$1" "$pair" alloc 2 "$([ "$1" = bare ] || [ "$1" = off ] || [ "$1" = sample ] && echo 20000000 || echo 500000)"; }
deep1() { under "$1" "$pair" deep 1 "$([ "$1" = bare ] || [ "$1" = off ] || [ "$1" = sample ] && echo 20000000 || echo 500000)"; }
lock1() { under "$1" "$pair" lock 1 20000000; }
sqlite() { seconds under "$1" sqlite3 :memory: "$sort_rows"; }
sort_rows="create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where x<300000)
  insert into t select x, (x*7919)%300000 || 'row' from c; select count(*) from (select * from t order by b);"

grep -m1 'model name' /proc/cpuinfo | sed 's/.*: /machine: /'
echo "cores: $(nproc), kernel: $(uname -r), rounds: $rounds, medians"
printf '%-34s %-10s %14s %10s %9s\n' what tool value added ratio
row "malloc+free pair, 1 thread" ns alloc1 bare off sample full heaptrack
row "malloc+free pair, 2 threads" ns alloc2 bare off sample full heaptrack
row "malloc+free pair, 30 frames deep" ns deep1 bare off sample full heaptrack
row "lock+unlock pair, threads running" ns lock1 bare off sample full
row "sqlite3 sorting 300,000 rows" s sqlite bare off sample full heaptrack

# shellcheck shell=bash disable=SC2034,SC2154  # sourced by bench.sh, after programs.sh's sqlite3
# recordings.sh: every event recorded and reported on: what it takes of time and disk.

# Prints seconds, wall time and CPU time, that a command takes. Its output goes nowhere.
SecondsOf() {
  local TIMEFORMAT='%R %U %S'
  { time "$@" > /dev/null 2> "$work/said.recording"; } 2>&1 | awk '{ print $1, $2 + $3 }'
}

# Prints of the report (JSON) of a recording, in percent: frames walked by rules, frames of walks that interpret unwind
# programs, events whose stack ends early.
SharesOfFrames() {
  "$build/analyzer" report --format json "$1" | tr '{,}' '\n' |
    awk -F '[":]+' '/^"(whole_walk_frames|events|frames|truncated_stacks)":/ && !($2 in first) { first[$2] = $3 }
      END { if (first["frames"] == 0) { print "- - -"; exit }
            whole = 100 * first["whole_walk_frames"] / first["frames"]
            printf "%.3f %.3f %.3f\n", 100 - whole, whole, 100 * first["truncated_stacks"] / first["events"] }'
}

# Prints of `workload`: seconds on the wall to run it, CPU seconds, seconds on the wall to run it and then read the report,
# bytes on disk of an event, millions of events read in a second with one thread and, where the tool has more, with two,
# and full mode's shares of frames.
# What is an event is said by the agent's dump, whose turn comes before other tools': they watch the same allocations.
MeasureRecording() {
  local bytes wall cpu one two=- events shares="- - -"
  read -r wall cpu < <(SecondsOf "${under[@]}" "${workload[@]}" < input)
  case $tool in
    bare)
      echo "$wall $cpu $wall - - - $shares"
      return
      ;;
    full)
      read -r one _ < <(SecondsOf "$build/analyzer" report --threads 1 "$recorded"/*.dump)
      read -r two _ < <(SecondsOf "$build/analyzer" report --threads 2 "$recorded"/*.dump)
      bytes=$(du --block-size=1 "$recorded"/*.dump | cut -f 1)
      shares=$(SharesOfFrames "$recorded"/*.dump)
      "$build/analyzer" info "$recorded"/*.dump | awk '$1 == "events" { gsub(",", "", $2); print $2 }' > events
      ;;
    heaptrack)
      read -r one _ < <(SecondsOf heaptrack_print "$recorded"/heaptrack*)
      bytes=$(zstdcat "$recorded"/heaptrack* | wc -c)
      ;;
  esac
  events=$(< events)
  awk -v wall="$wall" -v cpu="$cpu" -v one="$one" -v two="$two" -v bytes="$bytes" -v events="$events" \
    -v shares="$shares" \
    'function rate(seconds) { return seconds == "-" ? seconds : events / seconds / 1e6 }
     BEGIN { print wall, cpu, wall + (two == "-" ? one : two), bytes / events, rate(one), rate(two), shares }'
}

# RowsOfRecording NAME COMMAND...: reads the file `input`.
RowsOfRecording() {
  local name=$1 workload=("${@:2}")
  Rows "$program_rounds" MeasureRecording "bare full heaptrack" "$name: wall time, every event|s" \
    "$name: CPU time, every event|s" "$name: wall time with the report|s" "$name: bytes of an event|B" \
    "$name: events read in a second|M/s" \
    "$name: the same, with two threads|M/s" "$name: frames walked by rules|%" \
    "$name: frames of whole walks|%" "$name: events with a stack that is cut|%"
}

RecordSqlite() {
  SqliteStatements $((seconds / 3 + 1)) > input
  RowsOfRecording sqlite3 sqlite3 :memory:
}

RecordPython() {
  local -x PYTHONMALLOC=malloc  # else it has an allocator of its own
  cat > work.py << 'PY'
import json, re
for _ in range(4):
    rows = [{"k%d" % i: list(range(i % 10)), "s": "x" * (i % 50)} for i in range(20000)]
    text = json.dumps(rows)
    json.loads(text)
    re.findall(r"[a-z]+\d+", text)
PY
  : > input
  RowsOfRecording python3 /usr/bin/python3 work.py
}

RecordCompiler() {
  printf '#include <%s>\n' map regex string iostream functional > work.cc
  echo 'int main() { std::map<int, std::string> m; return std::regex_match(m[1], std::regex("a+b")); }' >> work.cc
  g++ -std=c++20 -E work.cc > input
  RowsOfRecording cc1plus "$(g++ -print-prog-name=cc1plus)" -quiet -std=c++20 -O1 - -o /dev/null
}

BenchRecordings() {
  With sqlite3 RecordSqlite
  With python3 RecordPython
  With g++ RecordCompiler
}

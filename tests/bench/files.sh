# shellcheck shell=bash disable=SC2034,SC2154  # sourced by bench.sh, after programs.sh's sqlite3
# files.sh: what a traced event takes on disk, and how fast the files are read.

# Prints bytes per event, uncompressed, and millions of events read in a second by one thread and by two. What is an event is said by the agent's
# dump, whose turn comes first: other tools watch the same allocations.
MeasureFiles() {
  local one two bytes
  local TIMEFORMAT=%R
  "${under[@]}" sqlite3 :memory: < statements.sql > /dev/null || return
  case $tool in
    full)
      one=("$build/analyzer" report --threads 1 "$recorded"/sqlite3.*.dump)
      two=("$build/analyzer" report --threads 2 "$recorded"/sqlite3.*.dump)
      bytes=$(du --block-size=1 "$recorded"/sqlite3.*.dump | cut -f 1)
      "$build/analyzer" info "$recorded"/sqlite3.*.dump | awk '$1 == "events" { gsub(",", "", $2); print $2 }' > events
      ;;
    heaptrack)
      one=(heaptrack_print "$recorded"/heaptrack*) # has one thread
      two=("${one[@]}")
      bytes=$(zstdcat "$recorded"/heaptrack* | wc -c)
      ;;
  esac
  { time "${one[@]}" > /dev/null 2>&4 && time "${two[@]}" > /dev/null 2>&4; } 4>&2 2>&1 | paste -s |
    awk -v events="$(< events)" -v bytes="$bytes" \
      '{ print bytes / events, events / $1 / 1e6, events / $2 / 1e6 }'
}

BenchFiles() { With sqlite3 RowsOfFiles; }

RowsOfFiles() {
  SqliteStatements $((seconds / 3 + 1)) > statements.sql
  Rows "$program_rounds" MeasureFiles "full heaptrack" "sqlite3: bytes on disk of an event|B" \
    "sqlite3: events read in a second|M/s" "sqlite3: the same by two threads|M/s"
}

# shellcheck shell=bash disable=SC2034,SC2154  # sourced by bench.sh, after programs.sh's sqlite3
# files.sh: what a traced event takes on disk, and how fast the files are read.

# Prints bytes per event, uncompressed, and millions of events read in a second. What is an event is said by the agent's
# dump, whose turn comes first: other tools watch the same allocations.
MeasureFiles() {
  local read bytes
  local TIMEFORMAT=%R
  "${under[@]}" sqlite3 :memory: < statements.sql > /dev/null || return
  case $tool in
    full)
      read=("$build/analyzer" report "$recorded"/sqlite3.*.dump)
      bytes=$(du --block-size=1 "$recorded"/sqlite3.*.dump | cut -f 1)
      "$build/analyzer" info "$recorded"/sqlite3.*.dump | awk '$1 == "events" { gsub(",", "", $2); print $2 }' > events
      ;;
    heaptrack)
      read=(heaptrack_print "$recorded"/heaptrack*)
      bytes=$(zstdcat "$recorded"/heaptrack* | wc -c)
      ;;
  esac
  { time "${read[@]}" > /dev/null 2>&4; } 4>&2 2>&1 |
    awk -v events="$(< events)" -v bytes="$bytes" '{ print bytes / events, events / $1 / 1e6 }'
}

BenchFiles() { With sqlite3 RowsOfFiles; }

RowsOfFiles() {
  SqliteStatements "$seconds" > statements.sql
  Rows "$program_rounds" MeasureFiles "full heaptrack" "sqlite3: bytes on disk of an event|B" \
    "sqlite3: events read in a second|M/s"
}

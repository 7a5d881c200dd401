# shellcheck shell=bash disable=SC2034,SC2154  # sourced by bench.sh, after programs.sh's redis
# memory.sh: resident memory of a loaded redis-server: its own with the agent's, and of the mapped dump.

# MiB resident in mappings, and in those of dumps.
ResidentMiB() {
  awk '
    /^[0-9a-f]+-[0-9a-f]+ / { dump = /\.dump$/ }
    $1 == "Rss:" { if (dump) of_dump += $2; else rest += $2 }
    END { print rest / 1024, of_dump / 1024 }' "/proc/$server/smaps"
}

# The same keys in every run, then requests that allocate and free.
MeasureMemory() {
  local redis_requests=$((seconds * 50000))
  StartRedis || return
  Redis DEBUG POPULATE 200000 key 100 > /dev/null
  LoadRedis > /dev/null
  ResidentMiB
}

BenchMemory() { With redis-server redis-benchmark RowsOfMemory; }

RowsOfMemory() {
  Rows "$program_rounds" MeasureMemory "bare sample full" "redis: resident, without the dump|MiB" \
    "redis: resident of the dump|MiB"
}

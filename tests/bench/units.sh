# shellcheck shell=bash disable=SC2154  # sourced by bench.sh
# units.sh: parts of the agent on their own, made by tests/bench/units.cc: medians of CPU time over repetitions, of which
# there must be two.

BenchUnits() {
  local name value
  while IFS='|' read -r name value; do
    PrintRow "$name" agent "$value" ns '' '' ''
  done < <("$build/bench/units" --benchmark_format=csv --benchmark_repetitions="$((rounds + 1))" \
    --benchmark_report_aggregates_only --benchmark_min_time="$(awk "BEGIN { print $milliseconds / 1000 }")" \
    2> "$work/errors" | awk -F , '
      # "NAME_median",iterations,real time,CPU time, ...; names may hold commas.
      match($0, /^"[^"]*_median"/) {
        name = substr($0, 2, RLENGTH - 9)
        split(substr($0, RLENGTH + 2), fields, ",")
        gsub("/(iterations|threads):[0-9]+", "", name)
        printf "%s|%.2f\n", name, fields[3]
      }')
}

# shellcheck shell=bash disable=SC2154  # sourced by bench.sh
# startup.sh: milliseconds from fork to end of a program that does nothing.

MeasureStartup() {
  local begin=${EPOCHREALTIME/./}
  "${under[@]}" /usr/bin/true
  local end=${EPOCHREALTIME/./}
  printf '%d.%03d\n' $(((end - begin) / 1000)) $(((end - begin) % 1000))
}

BenchStartup() { Rows "$startups" MeasureStartup "bare floor sample full" "start and end of true|ms"; }

# shellcheck shell=bash disable=SC2154  # sourced by bench.sh, and by a test
# instructions.sh: instructions per pair, counted by callgrind: the same on every machine with the same libraries.

counted_pairs=${QUICK:+10000}
counted_pairs=${counted_pairs:-100000}

# CountInstructions: instructions per pair of what `pair` and `threads` say, `under` a tool.
CountInstructions() {
  # valgrind is a script: what is preloaded into its shell is not to be recorded. One seed: the same samples.
  PERFAGENT_PROGRAMS=pair PERFAGENT_SEED=1 "${under[@]}" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    --toggle-collect='*Counted*' "$build/bench/pair" "$pair" "$threads" 0 "$counted_pairs" 2>&1 |
    awk -v pairs="$counted_pairs" '$2 == "Collected" { printf "%.2f\n", $4 / pairs }'
}

# InstructionRow NAME "TOOL ..." WORK THREADS
InstructionRow() {
  local pair=$3 threads=$4
  Rows 1 CountInstructions "$2" "$1|instr"
}

BenchInstructions() {
  local tools="bare floor unsampled sample full"
  InstructionRow "malloc+free" "$tools" alloc 0
  InstructionRow "malloc+free, 30 frames deeper" "$tools" deep 0
  InstructionRow "malloc+free, 1024 blocks live" "$tools" mix 0
  InstructionRow "lock+unlock, single-threaded" "$tools" lock 0
  InstructionRow "lock+unlock, threads running" "$tools" lock 1
  InstructionRow "rdlock+unlock, threads running" "$tools" rwlock 1
}

# shellcheck shell=bash disable=SC2154  # sourced by bench.sh
# pairs.sh: nanoseconds per malloc+free and per lock+unlock, made by tests/bench/pair.cc. In full mode a malloc+free
# pair is two events.

# Some tools print lines of their own.
MeasurePair() { "${under[@]}" "$build/bench/pair" "$pair" "$threads" "$clock" "$milliseconds" | grep -xE '[0-9.]+'; }

# PairRow NAME "TOOL ..." WORK THREADS
PairRow() {
  local pair=$3 threads=$4
  Rows "$rounds" MeasurePair "$2" "$1|ns"
}

BenchPairs() {
  local tools="bare floor sample full heaptrack jemalloc jemalloc+s tcmalloc tcmalloc+s"
  PairRow "malloc+free" "$tools" alloc 0
  PairRow "malloc+free, 2 threads" "$tools" alloc 2
  PairRow "malloc+free, 30 frames deeper" "$tools" deep 0
  PairRow "malloc+free, 30 deeper, 2 threads" "$tools" deep 2
  PairRow "malloc+free, 30 deeper, changing" "$tools" vary 0
  PairRow "malloc+free, 1024 blocks live" "$tools" mix 0
  PairRow "malloc+free, 1024 live, 2 threads" "$tools" mix 2
  PairRow "malloc+free, 66 MiB live" "$tools" heap 0
}

MeasureContention() { "${under[@]}" "$build/bench/contention" "$milliseconds" | grep -xE '[0-9. ]+'; }

BenchLocks() {
  local tools="bare floor sample full gprofng"
  Rows "$rounds" MeasureContention "bare sample full gprofng" "contended section, 2 threads|ns" \
    "hold of it, median|ns" "from owner to owner, median|ns"
  PairRow "lock+unlock, single-threaded" "$tools" lock 0
  PairRow "lock+unlock, threads running" "$tools" lock 1
  PairRow "lock+unlock, 2 locks, 2 threads" "$tools" lock 2
  PairRow "lock+unlock, 1 lock, 2 threads" "$tools" contended 2
  PairRow "rdlock+unlock, single-threaded" "$tools" rwlock 0
  PairRow "rdlock+unlock, threads running" "$tools" rwlock 1
}

#!/usr/bin/env bash
# Tests of `perfagent compare`: programs and libraries that know what they cost, and statistics beside
# brute force.
# shellcheck disable=SC2016,SC2154  # single quotes are for other shells; claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"
export PERFAGENT_LIB=$real_agent PERFAGENT_ANALYZER=$build/analyzer

# ---- fixtures -----------------------------------------------------------------------------------------

# keep MIB CPU_MS: computes for so much CPU time, then allocates and touches so much.
# take THREADS CALLS: threads that allocate and free. hold: threads that wait for a lock of their own.
BuildPrograms() {
  cat > keep.c << 'END_OF_FILE'
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(int argc, char** argv) {
  struct timespec begin, t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
  do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  while ((t.tv_sec - begin.tv_sec) * 1000 + (t.tv_nsec - begin.tv_nsec) / 1000000 < atoi(argv[2]));
  for (int i = 0; i < 16 * atoi(argv[1]); ++i) memset(malloc(65536), argc, 65536);
}
END_OF_FILE
  cat > take.c << 'END_OF_FILE'
#include <pthread.h>
#include <stdlib.h>
static int calls;
static void* Take(void* unused) {
  for (int i = 0; i < calls; ++i) {
    void* volatile block = malloc(100);
    free(block);
  }
  return unused;
}
int main(int argc, char** argv) {
  pthread_t threads[16];
  calls = atoi(argv[2]);
  for (int i = 0; i < atoi(argv[1]); ++i) pthread_create(&threads[i], NULL, Take, NULL);
  for (int i = 0; i < atoi(argv[1]); ++i) pthread_join(threads[i], NULL);
  return argc != 3;
}
END_OF_FILE
  cat > hold.c << 'END_OF_FILE'
#include <pthread.h>
#include <time.h>
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;
static void* Hold(void* unused) {
  pthread_barrier_wait(&both);
  for (int i = 0; i < 20; ++i) {
    pthread_mutex_lock(&own);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
    pthread_mutex_unlock(&own);
  }
  return unused;
}
int main(void) {
  pthread_t threads[2];
  pthread_barrier_init(&both, NULL, 2);
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, Hold, NULL);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
}
END_OF_FILE
  cc -O1 hold.c -o hold -pthread
  cc -O1 keep.c -o keep && cc -O1 -fno-builtin take.c -o take -pthread
}

# Libraries in an allocator's place. burner uses 200 ms of CPU time before main, hog touches 64 MiB,
# quitter ends the program. turnstile lets one thread at a time through malloc, each 50th call slowly, and
# prints how often and how long its callers waited by its own clock: waits of more than 0.2 ms.
BuildLibraries() {
  cat > burner.c << 'END_OF_FILE'
#include <time.h>
__attribute__((constructor)) static void Burn(void) {
  struct timespec t;
  do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  while (t.tv_nsec < 200000000);
}
END_OF_FILE
  cat > hog.c << 'END_OF_FILE'
#include <string.h>
#include <sys/mman.h>
__attribute__((constructor)) static void Hog(void) {
  memset(mmap(0, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 64 << 20);
}
END_OF_FILE
  cat > quitter.c << 'END_OF_FILE'
#include <unistd.h>
__attribute__((constructor)) static void Quit(void) {
  if (write(2, "quitter: no more\n", 17)) _exit(7);
}
END_OF_FILE
  cat > turnstile.c << 'END_OF_FILE'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <time.h>
extern void* __libc_malloc(size_t);
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static long calls, waits, waited_ns;
static long Now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000 + t.tv_nsec;
}
void* malloc(size_t size) {
  long begin = Now();
  pthread_mutex_lock(&turn);
  long ns = Now() - begin;
  if (ns > 200000) ++waits, waited_ns += ns;
  if (++calls % 50 == 0) nanosleep(&(struct timespec){0, 2000000}, NULL);
  void* block = __libc_malloc(size);
  pthread_mutex_unlock(&turn);
  return block;
}
__attribute__((destructor)) static void Tell(void) { dprintf(2, "%ld %ld\n", waits, waited_ns); }
END_OF_FILE
  local library
  for library in burner hog quitter turnstile; do
    cc -O1 -fno-builtin -shared -fPIC "$library.c" -o "lib$library.so" -pthread
  done
}

Compare() { Run "$perfagent" compare "$@"; }

# Cell ROW FIELD: of the table's row that begins so, after its label: 1 median, 2 its unit, then low,
# high, ratio, low, high.
Cell() {
  sed -nE "s/^$1 +//p" out | tr -d '()' | sed 's/ to / /g' | awk -v field="$2" '{ print $field }'
}

# Between CLAIM NUMBER LOW HIGH
Between() {
  if awk -v n="$2" -v low="$3" -v high="$4" 'BEGIN { exit !(n != "" && n >= low && n <= high) }'; then
    Ok "$1"
  else
    NotOk "$1" "got: $2" "expected: $3 to $4" "$output" "$errors"
  fi
}

# ---- claims -------------------------------------------------------------------------------------------

TestUsage() {
  Compare -n 0 -- true
  Expect "no run is a usage error" 2 "*-n: '0' is not allowed*1 and 100*"
  Compare --allocators glibc,hoard -- true
  Expect "an unknown allocator is named, with those that are known" 2 "*'hoard'*glibc, jemalloc, mimalloc, tcmalloc*"
  Compare --allocators glibc,glibc -- true
  Expect "an allocator twice is a usage error" 2 "*glibc is there twice*"
  Compare --allocators -- true
  Expect "a missing value is a usage error" 2 "*--allocators needs a value*"
  Compare --rounds 5 -- true
  Expect "an unknown option is named" 2 "*--rounds*"
  Compare
  Expect "a missing program is a usage error" 2 "*no program*"
  Compare -- no-such-program
  Expect "a program that is not found is 127" 127 "*no-such-program*"
  printf 'int main() { return 0; }\n' > nothing.c
  cc -static nothing.c -o static
  Compare -- ./static
  Expect "a static program is refused" 126 "*statically linked*"
  printf 'void* malloc(unsigned long n) { return (void*)n; }\nint main() { return 0; }\n' > own.c
  cc -fno-builtin -rdynamic own.c -o own
  Compare -- ./own
  Expect "a program with its own malloc is refused" 126 "*defines malloc itself*"
}

TestMissingAllocators() {
  mkdir -p path
  printf '#!/bin/sh\n' > path/ldconfig
  chmod +x path/ldconfig
  PATH=$work/path:$PATH Compare --allocators glibc,mimalloc,tcmalloc -n 1 -- true
  Expect "a missing allocator is left out, with the package that has it" 0 \
    "*mimalloc: libmimalloc.so.2 was not found; left out*libmimalloc2.0*tcmalloc: *libtcmalloc-minimal4*"
  Equal "what is there is measured" "$(grep -c '^wall time' out)" 1
  PATH=$work/path:$PATH Compare --allocators mimalloc,./libnone.so -- true
  Expect "where none is there, nothing is run" 126 "*./libnone.so: no such file*none of the allocators*"
}

# The program's pages are 48 MiB whatever the allocator, and what an allocator adds is less than 16.
TestMemory() {
  local allocator
  Compare -n 1 -- ./keep 48 1
  Expect "four allocators are compared" 0 "*allocators: 4, *"
  for allocator in glibc jemalloc mimalloc tcmalloc; do
    Between "48 MiB are 48 MiB under $allocator" "$(Cell "peak RSS +$allocator" 1)" 48 64
  done
  Matches "one run each shows no difference" "$output" "*verdict: none: *"
  Equal "nothing is left in the temporary directory" "$(ls tmp)" ""
  Compare --allocators glibc -n 1 -- true
  Between "a program's peak is not that of what started it" "$(Cell "peak RSS +glibc" 1)" 0.5 3.5
}

# 200 ms in the program are 400 with burner; 64 MiB in the program are 128 with hog.
TestVerdict() {
  Compare --allocators "glibc,$work/libburner.so,$work/libhog.so" -- ./keep 64 200
  cat out
  Expect "a table and a verdict are exit 0" 0 "*"
  Between "the program's 200 ms of CPU time" "$(Cell "CPU time +glibc" 1)" 0.200 0.400
  Between "burner takes its 200 ms more" "$(Cell "CPU time +burner" 1)" 0.400 0.800
  Between "which is twice as much" "$(Cell "CPU time +burner" 5)" 1.3 2.1
  Matches "the verdict names burner's CPU time" "$output" "*verdict: burner beside glibc: * CPU*"
  Between "hog takes 64 MiB more" "$(Cell "peak RSS +hog" 5)" 1.9 2.1
  Matches "the verdict names hog's memory" "$output" "*verdict: hog beside glibc: *memory*"
  Equal "and no other's" "$(grep '^verdict: burner' out | grep -c memory)" 0
  Matches "five runs' median has an interval of 93.8 %" "$output" "*93.8 % intervals by order statistics*"
  Matches "and their ratio one of 96.8 %" "$output" "*ratios to glibc, in brackets 96.8 % intervals*"
}

TestContention() {
  local truth
  Compare --allocators "glibc,$work/libturnstile.so" -n 1 --keep kept -- ./take 4 2000
  Expect "a recorded run" 0 "*"
  read -r -a truth < <(tail -n 1 kept/turnstile.recorded.err)
  echo "the allocator's own count: ${truth[*]}"
  Between "there was something to wait for" "${truth[0]}" 20 100000
  read -r -a seen < <(sed -nE 's/^waits +turnstile +([0-9]+) waits, ([0-9.]+) ([mu]?s)$/\1 \2 \3/p' out)
  echo "perfagent's: ${seen[*]}"
  # Shorter waits, of which a busy machine has more, are in perfagent's count, too: their time is little.
  Between "its waits inside the allocator are counted" "${seen[0]:-}" $((truth[0] * 7 / 10)) 10000
  Between "and timed" "$(awk -v n="${seen[1]:-0}" -v unit="${seen[2]:-}" \
    'BEGIN { print n * (unit == "s" ? 1e9 : unit == "ms" ? 1e6 : 1e3) }')" \
    $((truth[1] * 8 / 10)) $((truth[1] * 13 / 10))
  Matches "glibc's own cannot be seen, which is said" "$output" "*waits       glibc *not visible*"
  Compare --allocators "$work/libturnstile.so" -n 1 --keep held -- ./hold
  Matches "what waits for a lock of the program's own" \
    "$("$build/analyzer" report --contention held/turnstile.dumps | grep contended)" "*contended    [1-9]*"
  Matches "does not wait in the allocator" "$output" "*waits       turnstile *0 waits, 0 ns*"
  Compare --allocators "$work/libturnstile.so" -n 1 -- ./take 1 2000
  Matches "one thread waits for nobody" "$output" "*waits       turnstile *0 waits, 0 ns*"
}

# Latency, as the analyzer says it.
TestLatency() {
  cat > analyzer << 'END_OF_FILE'
#!/bin/sh
echo '{"processes":[{"executable":"a \"b\" \u00e9","allocator":"/lib/x86_64-linux-gnu/libc.so.6","locks":{"objects":[]},
  "heap":{"latency":{"malloc":{"p50_ns":{"value":20,"low":19,"high":21},"p99_ns":1500},"free":{"p50_ns":9,"p99_ns":2.5e6}}}}]}'
END_OF_FILE
  chmod +x analyzer
  PERFAGENT_ANALYZER=$work/analyzer Compare --allocators glibc -n 1 -- true
  Matches "an allocator's latency is in the table where the dump has it" "$output" \
    "*latency     glibc *free half up to 9 ns, 99 % up to 2.50 ms; malloc half up to 20 ns, 99 % up to 1.50 us*"
}

TestFailures() {
  Compare --allocators "glibc,$work/libquitter.so" -n 4 -- true
  Expect "who fails is named, with its last words" 0 "*quitter: exit 7; the last of what it said:*quitter: no more*"
  Matches "and is not compared" "$output" "*failed: quitter: exit 7: not compared*verdict: none*"
  Compare --allocators "glibc,jemalloc" -n 2 -- sh -c 'echo oh no >&2; exit 3'
  Expect "a program that always fails is said" 0 "*glibc: exit 3; *oh no*jemalloc: exit 3; *"
  Equal "and compared all the same" "$(grep -cE '^wall time +jemalloc.*[(].*[(]' out)" 1
  Compare --allocators "glibc,jemalloc" -n 4 -- sh -c 'n=$(cat n 2> /dev/null); echo $((n + 1)) > n; exit $((n % 3 == 2))'
  # Of twelve runs in turn (1 + 4 + 1 each), the third, the sixth and so on fail.
  Expect "runs that end differently are counted" 0 "*glibc: exit 0 in 4 of 6 runs, exit 1 in 2 of 6 runs*"
  Matches "and nothing is compared with them" "$output" "*verdict: none: not even glibc*"
  Compare --allocators glibc -n 1 -- sh -c 'kill -SEGV $$'
  Expect "death by a signal is said" 0 "*glibc: killed by signal 11*"
  printf '#!/no/such/interpreter\n' > broken
  chmod +x broken
  Compare --allocators glibc -- ./broken
  Expect "what cannot be run is 126" 126 "*./broken: cannot be run: *"
}

TestInputAndOutput() {
  local file bad=""
  seq 1000 > input
  env "$perfagent" compare --allocators glibc,jemalloc -n 2 --keep files -- sh -c 'cat; echo done >&2' \
    < input > out 2> err
  for file in files/{glibc,jemalloc}.{warmup,1,2,recorded}; do
    cmp -s input "$file.out" && [[ $(< "$file.err") == "done" ]] || bad+="$file "
  done
  Equal "each run reads the whole file on standard input, and its output is kept" "$bad" ""
  Matches "the dumps are kept, too" "$(ls files/jemalloc.dumps)" "perfagent.*.dump*"
  seq 1000 | env "$perfagent" compare --allocators glibc -n 1 --keep piped -- cat > out 2> err
  Equal "a pipe, which could be read once, is read by none" "$(wc -c < piped/glibc.1.out)" 0
  Matches "and that is said" "$(< err)" "*input: none; output: piped/ALLOCATOR.RUN.out*"
  env "$perfagent" compare --allocators glibc -n 1 --keep closed -- cat > out 2> err <&-
  Matches "so it is where standard input is closed" "$(< err)" "*input: none;*"
  Compare --allocators glibc -n 1 -- sh -c 'echo loud; echo louder >&2'
  Equal "nothing that the runs print is printed" "$(cat out err | grep -c ^loud)" 0
  Run LD_PRELOAD="$work/libhog.so" "$perfagent" compare --allocators glibc,jemalloc -n 1 -- true
  Between "a preload of the user's own stays" "$(Cell "peak RSS +jemalloc" 1)" 64 80
}

TestOrder() {
  Compare --allocators glibc,jemalloc,tcmalloc -n 2 -- sh -c 'echo "${LD_PRELOAD##*/}" >> order'
  Equal "all take turns: to warm up, in two rounds, recorded" "$(tr '\n' ' ' < order)" \
    "$(printf ' %s' '' libjemalloc.so.2 libtcmalloc_minimal.so.4 '' libjemalloc.so.2 libtcmalloc_minimal.so.4 \
      '' libjemalloc.so.2 libtcmalloc_minimal.so.4 "${real_agent##*/}" libjemalloc.so.2 \
      libtcmalloc_minimal.so.4 | sed 's/^ //') "
  Run PERFAGENT_LIB=/no/such/agent "$perfagent" compare --allocators glibc -n 1 -- true
  Expect "without the agent there is a table without waits" 0 "*/no/such/agent: no such file*none is recorded*"
  Equal "and no row of waits" "$(grep -c ^waits out)" 0
}

TestLinked() {
  cc -O1 -fno-builtin take.c -o linked -pthread -Wl,--no-as-needed -l:libjemalloc.so.2
  Compare --allocators glibc,tcmalloc -n 1 -- ./linked 1 10
  Expect "a program that is linked with an allocator is not called glibc's" 0 "*is linked with libjemalloc.so.2*"
  Equal "in the table neither" "$(grep -c '^wall time *linked' out)" 1
}

TestSignals() {
  env "$perfagent" compare --allocators glibc -n 1 -- sh -c 'echo $$ > pid; exec sleep 60' > out 2> err &
  local pid=$! i
  for ((i = 0; i < 500; ++i)); do [[ ! -s pid ]] || break; sleep 0.02; done
  kill -TERM "$pid"
  wait "$pid"
  Equal "a comparison that is ended ends by that signal" "$?" 143
  for ((i = 0; i < 500; ++i)); do kill -0 "$(< pid)" 2> /dev/null || break; sleep 0.02; done
  Equal "the program has ended, too" "$(kill -0 "$(< pid)" 2>&1 | grep -c 'No such process')" 1
  Equal "and nothing is left in the temporary directory" "$(ls tmp)" ""
}

TestInstalled() {
  mkdir -p root/bin root/lib root/libexec
  env -u MAKEFLAGS -u MAKELEVEL make -s -C "$root" install BUILD="$build" DESTDIR="$work/root" PREFIX=/usr > make.out 2>&1 ||
    NotOk "make install" "$(tail -n 3 make.out)"
  env -u PERFAGENT_LIB -u PERFAGENT_ANALYZER "$work/root/usr/bin/perfagent" compare --allocators glibc,jemalloc \
    -n 1 -- true > out 2> err
  Equal "installed, it finds its parts: exit 0" "$?" 0
  Matches "and records" "$(< out)" "*waits       jemalloc *0 waits*"
}

# Stats EXPRESSION: with the functions of compare.pl and some for tests.
Stats() {
  perl -e 'use strict; use warnings;
    my $code = shift;
    @ARGV = ("", "", "", "", "", 5, "", "true");
    require "'"$root"'/scripts/compare.pl";
    # Of two samples from the same distribution, times a factor: exponential, far from normal.
    sub Draw { my ($n, $factor) = @_; map { -$factor * log(1 - rand) } 1 .. $n }
    # How often Mann-Whitney counts each U, by listing every order of m and n runs.
    sub Orders { my ($m, $n) = @_; my @ways;
      for my $bits (0 .. 2 ** ($m + $n) - 1) {
        my @is_first = map { $bits >> $_ & 1 } 0 .. $m + $n - 1;
        next if grep({ $_ } @is_first) != $m;
        my ($seconds, $u) = (0, 0);
        for (@is_first) { if ($_) { $u += $seconds } else { ++$seconds } }
        ++$ways[$u];
      }
      @ways }
    print eval $code; die $@ if $@' "$1"
}

TestStatistics() {
  Equal "the median of an odd number" "$(Stats 'Median(3, 1, 10)')" 3
  Equal "the median of an even number" "$(Stats 'Median(4, 1, 10, 3)')" 3.5
  # Binomial: 1 - 2 / 2^5; and P(2 to 8 of 10) = 1 - 2 * 11 / 1024.
  Equal "the median of five lies between least and greatest" "$(Stats 'join " ", MedianInterval(5, 1, 4, 2, 3)')" "1 5 0.9375"
  Equal "of ten between the second and the ninth" "$(Stats 'join " ", MedianInterval(1 .. 10)')" "2 9 0.978515625"
  Equal "orders are counted as by listing them" "$(Stats 'join " ", OrdersByU(5, 5), OrdersByU(3, 6)')" \
    "$(Stats 'join " ", Orders(5, 5), Orders(3, 6)')"
  # The 25 quotients are 3 times 1/16 once, 1/8 twice, 1/4 three times ... 16 once: the 3rd, 13th and 23rd.
  Equal "the ratio of five to five" \
    "$(Stats 'my $r = Ratio([1, 2, 4, 8, 16], [3, 6, 12, 24, 48]); join " ", @$r{qw(value low high)}')" "3 0.375 24"
  Equal "its coverage" "$(Stats 'sprintf "%.5f", Ratio([1 .. 5], [1 .. 5])->{coverage}')" 0.96825
  Between "the interval of a ratio of 1.5 holds it in 96.8 % of 4,000 comparisons" "$(Stats 'srand 1; my $in = 0;
    for (1 .. 4000) { my $r = Ratio([Draw(5, 1)], [Draw(5, 1.5)]); ++$in if $r->{low} <= 1.5 && $r->{high} >= 1.5 }
    $in / 4000')" 0.960 0.976
  Between "the interval of a median holds it in 93.8 % of 4,000 samples" "$(Stats 'srand 2; my $in = 0;
    for (1 .. 4000) { my ($low, $high) = MedianInterval(Draw(5, 1)); ++$in if $low <= log 2 && $high >= log 2 }
    $in / 4000')" 0.926 0.949
  Between "of the same, 3 % seem different" "$(Stats 'srand 3; my $seem = 0;
    for (1 .. 4000) { ++$seem if Differs(Ratio([Draw(5, 1)], [Draw(5, 1)])) }
    $seem / 4000')" 0.02 0.04
  Equal "three runs tell nothing apart" "$(Stats 'Differs(Ratio([1, 1, 1], [9, 9, 9])) + 0')" 0
  Equal "half a percent is no difference" "$(Stats 'Differs(Ratio([(1000) x 5], [(1005) x 5])) + 0')" 0
  Equal "two percent are" "$(Stats 'Differs(Ratio([(1000) x 5], [(1020) x 5])) + 0')" 1
  # Of b 12 % less CPU and 30 % more memory than a, in each run; times that overlap; c like a.
  Equal "the verdict in words" "$(Stats '
    my $a = [[8, 12, 10, 9, 11], [(100) x 5], [(100) x 5]];
    my $b = [[9, 9, 9, 9, 9], [(88) x 5], [(130) x 5]];
    my $c = [[10, 9, 8, 11, 12], [100, 101, 99, 100, 102], [(100) x 5]];
    sub Other { my ($label, $to) = @_; {label => $label, ratios => [map { Ratio($a->[$_], $to->[$_]) } 0 .. 2]} }
    join "|", Verdict({label => "a"}, Other("b", $b), Other("c", $c))')" \
    "b beside a: 12 % (12 to 12 %) less CPU, 30 % (30 to 30 %) more memory|c: cannot be told apart from a"
  Equal "small percents have a decimal" "$(Stats 'InWords({value => 1.021, low => 1.001, high => 1.112}, "CPU")')" \
    "2.1 % (0.1 to 11 %) more CPU"
  Equal "a factor of two or more is one" "$(Stats 'InWords({value => 3.1, low => 2.9, high => 3.234}, "CPU")')" \
    "3.10 (2.90 to 3.23) times the CPU"
}

BuildPrograms
BuildLibraries
TestUsage
TestMissingAllocators
TestMemory
TestVerdict
TestContention
TestLatency
TestFailures
TestInputAndOutput
TestOrder
TestLinked
TestSignals
TestInstalled
TestStatistics
Summary

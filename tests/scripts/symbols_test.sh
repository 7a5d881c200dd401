#!/usr/bin/env bash
# Tests of names in reports: of a program with much debug information, on another machine, and of what is
# asked of a network.
#
# MEGABYTES of debug information (50); 500 by hand. Times are printed, and not held against anything.
# shellcheck disable=SC2154  # claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"
analyzer=$build/analyzer
megabytes=${MEGABYTES:-50}

# ---- fixtures -----------------------------------------------------------------------------------------

# Units with templates, whose functions differ in a number of five digits: compiled once, and copied with
# other numbers. Each leaks a block of its own size by way of an inlined function.
BuildUnits() {
  cat > unit.cc << 'END_OF_FILE'
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>
namespace u00000 {
template <int N> struct Shape {
  int v[N];
  std::map<int, Shape<N - 1>> below;
  std::vector<Shape<N - 1>> list;
  std::function<int(const Shape<N - 1>&)> f;
};
template <> struct Shape<0> { int v; };
template <int N> int Measure(const Shape<N>& s) {
  int sum = s.v[0];
  for (auto& [k, b] : s.below) sum += k;
  std::vector<int> sorted(s.list.size());
  std::sort(sorted.begin(), sorted.end(), [&](int a, int b) { return a < b + s.v[0]; });
  std::unordered_map<std::string, Shape<N>> m;
  m["x"] = s;
  std::set<std::pair<int, std::string>> t;
  t.insert({sum, std::to_string(sum)});
  if constexpr (N > 1) sum += s.list.empty() ? 0 : Measure<N - 1>(s.list[0]);
  return sum + (int)m.size();
}
int Walk(int n) {
  Shape<7> s{};
  s.v[0] = n;
  return Measure(s);
}
template <int N>
inline __attribute__((always_inline)) void* Take(size_t n) {
  return malloc(n + N);  // unit.cc:36
}
template <int N>
__attribute__((noinline)) void* Keep(size_t n) {
  void* p = Take<N>(n);  // unit.cc:40
  asm volatile("");
  return p;
}
}
extern "C" void* Leak_u00000(size_t n) {
  void* p = u00000::Keep<7>(n);  // unit.cc:46
  asm volatile("");
  return p;
}
END_OF_FILE
  g++ -std=c++20 -O1 -g -c unit.cc -o unit.o || return
  local bytes
  bytes=$(size -A unit.o | awk '/^\.debug/ { sum += $2 } END { print sum }')
  units=$((megabytes * 1000000 / bytes + 1))
}

# The program and its debug file, which have one build id; the program itself is stripped. And another build
# of it, with the same functions at other addresses.
BuildProgram() {
  local k
  local -a objects=() reversed=()
  for ((k = 1; k <= units; ++k)); do
    printf -v number 'u%05d' "$k"
    LC_ALL=C sed "s/u00000/$number/g" unit.o > "$number.o"
    objects+=("$number.o")
    reversed=("$number.o" "${reversed[@]}")
  done
  {
    echo '#include <stddef.h>'
    for object in "${objects[@]}"; do echo "void* Leak_${object%.o}(size_t);"; done
    echo 'int main(void) {'
    for ((k = 1; k <= units; ++k)); do
      printf '  Leak_u%05d(%d);\n' "$k" $((100000 + 1000 * k))
    done
    echo '  return 0;'
    echo '}'
  } > main.c
  gcc -g -c main.c -o main.o && g++ -Wl,--build-id main.o "${objects[@]}" -o prog || return
  g++ -Wl,--build-id,--strip-debug "${reversed[@]}" main.o -o other || return
  rm -- "${objects[@]}"
  other=$(readelf -n other | sed -n 's/.*Build ID: //p')
  id=$(readelf -n prog | sed -n 's/.*Build ID: //p')
  mkdir -p "debug/.build-id/${id:0:2}"
  debug=debug/.build-id/${id:0:2}/${id:2}.debug
  objcopy --only-keep-debug prog "$debug" && strip prog
  echo "debug information: $(($(stat -c %s "$debug") / 1000000)) MB in $units units"
}

# Report OPTIONS...: of the dump, to out; prints how long it took.
Report() {
  local begin=$EPOCHREALTIME end
  Run "$analyzer" report --leaks "$@" prog.dump
  end=$EPOCHREALTIME
  echo "report --leaks $*: $(((${end/./} - ${begin/./}) / 1000)) ms"
}

# A server that knows the debug file, at http://localhost:PORT. Each connection is a line in `connections`.
StartServer() {
  cat > server.pl << 'END_OF_FILE'
use IO::Socket::INET;
my ($id, $file) = @ARGV;
my $server = IO::Socket::INET->new(Listen => 50, LocalAddr => "127.0.0.1") or die;
open(my $port, ">", "port.new") or die;
print $port $server->sockport, "\n";
close $port;
rename "port.new", "port";
while (my $client = $server->accept) {
  my $request = <$client>;
  while (my $line = <$client>) { last if $line =~ /^\s*$/ }
  open(my $log, ">>", "connections") or die;
  print $log $request;
  close $log;
  if ($request =~ m{^GET /buildid/\Q$id\E/debuginfo }) {
    open(my $data, "<", $file) or die;
    printf $client "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", -s $file;
    my $bytes;
    print $client $bytes while read $data, $bytes, 1 << 20;
  } else {
    print $client "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }
  close $client;
}
END_OF_FILE
  perl server.pl "$id" "$1" < /dev/null > server.log 2>&1 &
  server=$!
  local i
  for ((i = 0; i < 500; ++i)); do [[ ! -s port ]] || break; sleep 0.02; done
}

# ---- claims -------------------------------------------------------------------------------------------

# The frames of the site that leaked so many bytes, as the text report prints them: from its second line to
# the next site.
SiteOf() {  # unit
  awk -v number="$1" '/^  \[S/ { found = index($0, number "::") > 0 } found { print }' out
}

# What a site of a unit says, with every line of debug information.
Frames() {  # unit
  printf '*void[*] %s::Take<7>(unsigned long) (*/unit.cc:36) inlined*void[*] %s::Keep<7>(unsigned long) (*/unit.cc:40)*Leak_%s (*/unit.cc:46)*main (*/main.c:%d)*' \
    "$1" "$1" "$1" $((units + 2 + 10#${1#u}))
}

TestLargeDebugFile() {
  local last bad="" k number
  Report
  Equal "a report with much debug information is fine" "$code: $errors" "0: "
  printf -v last 'u%05d' "$units"
  Matches "the greatest leak has its unit's frames, files and lines" "$(SiteOf "$last")" "$(Frames "$last")"
  Report -n 100000
  for ((k = 1; k <= units; ++k)); do
    printf -v number 'u%05d' "$k"
    # shellcheck disable=SC2053  # a pattern
    [[ $(SiteOf "$number") == $(Frames "$number") ]] || bad+="$number "
  done
  Equal "so has every one of $units" "$bad" ""
  Report --format json
  Equal "and in JSON, inlined frames and all" \
    "$(grep -o '"function": *"void\* u[0-9]*::Take<7>(unsigned long)"' out | sort -u | wc -l)" "$units"
}

# The program is gone; only its debug file is there.
TestElsewhere() {
  local last
  printf -v last 'u%05d' "$units"
  mv prog gone
  Report --debug-path debug
  Matches "without the program its debug file is enough" "$(SiteOf "$last")" "$(Frames "$last")"
  Equal "and nothing is missing" "$(grep -c "^symbols: .*prog" out)" 0
  Report
  Equal "without either there are offsets" "$(grep -cE '^ +prog\+0x[0-9a-f]+' out | sed 's/[1-9][0-9]*/some/')" some
  Equal "and no names" "$(grep -cE 'Leak_|Keep<7>' out)" 0
  Matches "the report says which file is missing" "$output" "*symbols: $work/prog: No such file*"
  mkdir -p "sysroot$work"
  cp gone "sysroot$work/prog"
  Report --sysroot sysroot --debug-path debug
  Matches "the program below a sysroot, its debug file by path" "$(SiteOf "$last")" "$(Frames "$last")"
  cp other "sysroot$work/prog"
  Report --sysroot sysroot
  Matches "another build is named with both build ids" "$output" \
    "*symbols: $work/prog: sysroot$work/prog is another build: its build id is $other, recorded was $id*"
  Equal "and gives no names" "$(grep -cE 'Leak_|Keep<7>| main' out)" 0
  mv "$debug" "$debug.kept" && cp other "$debug"
  mv gone prog
  Report --debug-path debug
  Matches "so is a debug file of another build" "$output" \
    "*symbols: $work/prog: no lines: $debug is another build: its build id is $other, recorded was $id*"
  Equal "which gives none either" "$(grep -cE 'Leak_|Keep<7>| main' out)" 0
  mv "$debug.kept" "$debug"
  Run "$analyzer" report --sysroot none prog.dump
  Expect "a sysroot that is not there is a usage error" 2 "*--sysroot*none*"
}

TestNetwork() {
  local before last
  printf -v last 'u%05d' "$units"
  mv prog gone
  StartServer "$debug"
  export DEBUGINFOD_URLS HOME=$work/home XDG_CACHE_HOME=$work/home/cache
  DEBUGINFOD_URLS=http://127.0.0.1:$(< port)
  mkdir home
  : > connections
  Report
  Run "$analyzer" events --stacks prog.dump
  Run "$analyzer" info prog.dump
  Equal "unasked, no server is" "$(< connections)" ""
  Run env -u DEBUGINFOD_URLS "$analyzer" report --leaks --debuginfod prog.dump
  Expect "without a server --debuginfod says so" 0 "*--debuginfod: nobody is asked: DEBUGINFOD_URLS names no server*"
  Equal "and asks nobody" "$(< connections)" ""
  Report --debuginfod
  Matches "asked, it is" "$(< connections)" "*GET /buildid/$id/debuginfo*"
  Matches "and what it sends is used" "$(SiteOf "$last")" "$(Frames "$last")"
  before=$(grep -c "$id" connections)
  Report --debuginfod
  Equal "a file is fetched once" "$(grep -c "$id" connections)" "$before"
  Matches "and read from the cache later" "$(SiteOf "$last")" "$(Frames "$last")"
  kill "$server"
  wait "$server" 2> /dev/null
  mv gone prog
  # A server whose answer is another program.
  rm -rf home/cache connections port
  mv prog gone
  StartServer other
  DEBUGINFOD_URLS=http://127.0.0.1:$(< port)
  Report --debuginfod
  Matches "a server that sends another build" "$(< connections)" "*GET /buildid/$id/debuginfo*"
  Equal "is not believed" "$(grep -cE 'Leak_|Keep<7>' out)" 0
  kill "$server"
  wait "$server" 2> /dev/null
  unset DEBUGINFOD_URLS XDG_CACHE_HOME
  mv gone prog
}

# Opened LIBRARY OPTIONS...: how often a report opens it.
Opened() {
  strace -f -e trace=openat -o trace "$analyzer" report "${@:2}" two.dump > out 2> err
  grep -c "$work/$1" trace
}

# One library frees what it allocates, two keep it; the one that keeps less has a debug file.
TestOnlyWhatIsPrinted() {
  Has strace || { Skip "only what is printed is looked up" "no strace"; return; }
  printf '#include <stdlib.h>\nvoid* Kept(void) { return malloc(4000); }\n' > kept.c
  printf '#include <stdlib.h>\nvoid Dropped(void) { free(malloc(10)); }\n' > dropped.c
  printf '#include <stdlib.h>\nvoid* Small(void) { return malloc(20); }\n' > small.c
  printf 'void* Kept(void); void* Small(void); void Dropped(void);\nint main(void) { Dropped(); Kept(); Small(); }\n' > two.c
  gcc -g -O0 -shared -fPIC -fno-builtin kept.c -o libkept.so
  gcc -g -O0 -shared -fPIC -fno-builtin dropped.c -o libdropped.so
  gcc -g -O0 -shared -fPIC -fno-builtin small.c -o libsmall.so
  objcopy --only-keep-debug libsmall.so small.debug
  strip -g libsmall.so && objcopy --add-gnu-debuglink=small.debug libsmall.so
  gcc -g two.c -o two -L. -lkept -ldropped -lsmall -Wl,-rpath,"$work"
  LD_PRELOAD=$real_agent PERFAGENT_OUTPUT=two.dump ./two
  Equal "a library whose blocks live is opened once" "$(Opened libkept.so --leaks)" 1
  Equal "one whose blocks were freed is not" "$(Opened libdropped.so --leaks)" 0
  Equal "unless what churns is asked for" "$(Opened libdropped.so --churn)" 1
  Matches "in which it is named" "$(< out)" "*Dropped (*/dropped.c:2)*"
  Equal "debug information of what lives and is not printed is not opened" "$(Opened small.debug --leaks -n 1)" 0
  Equal "what is printed has it opened" "$(Opened small.debug --leaks)" 1
  Matches "and its line" "$(< out)" "*Small (*/small.c:2)*"
}

if ! BuildUnits || ! BuildProgram; then NotOk "the program is built"; fi
LD_PRELOAD=$real_agent PERFAGENT_OUTPUT=prog.dump ./prog
TestElsewhere
TestNetwork
# Beside the program, as its debug package would be.
ln "$debug" prog.debug
objcopy --add-gnu-debuglink=prog.debug prog
TestLargeDebugFile
TestOnlyWhatIsPrinted
Summary

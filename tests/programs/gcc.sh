# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# gcc: templates, regular expressions and maps through cc1plus, as and ld; the program that comes out runs.
packages="g++ binutils"
commands="g++ gcc"

Prepare() {
  cat > "$inputs/work.cc" << 'CC'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <numeric>
#include <regex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

template <int N>
struct Fibonacci : std::integral_constant<long, Fibonacci<N - 1>::value + Fibonacci<N - 2>::value> {};
template <> struct Fibonacci<0> : std::integral_constant<long, 0> {};
template <> struct Fibonacci<1> : std::integral_constant<long, 1> {};

template <size_t... I>
auto Tuple(std::index_sequence<I...>) { return std::make_tuple(std::pair<size_t, std::string>(I, "x")...); }

int main() {
  auto values = Tuple(std::make_index_sequence<40>());
  long sum = std::apply([](const auto&... v) { return (v.first + ...); }, values);
  std::map<std::string, std::function<long(long)>> functions = {
      {"double", [](long n) { return 2 * n; }}, {"square", [](long n) { return n * n; }}};
  for (const auto& [name, function] : functions) std::cout << name << ' ' << function(sum) << '\n';
  std::cout << Fibonacci<80>::value << ' ' << std::regex_replace("name-17", std::regex("([a-z]+)-([0-9]+)"), "$2-$1")
            << '\n';
}
CC
  sed 's/40/wrong/' "$inputs/work.cc" > "$inputs/wrong.cc"
}

Work() {
  Watched g++ -std=c++17 -O1 -frandom-seed=1 -S -o work.s "$inputs/work.cc" || return
  sha256sum < work.s
  Watched g++ -std=c++17 -O0 -flto -frandom-seed=1 -o work "$inputs/work.cc" || return
  ./work
  Exits 1 g++ -std=c++17 -c "$inputs/wrong.cc"
}

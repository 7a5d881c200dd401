// How many instructions the hooks add to a call of which nothing is recorded: counted in the library as it was built.
//
// A fast way is one that ends in the real function: a jump through its pointer, or, where the hook tries first, a return
// after the call through the pointer of the function that tries. Of all fast ways the longest counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/behaviour.h"
#include "tests/support/disassembly.h"

namespace perfagent::test {
namespace {

// The pointer's name as objdump has it: perfagent::real::NAME.
bool IsReal(const std::string& symbol, const std::string& name) {
  return symbol == "_ZN9perfagent4real" + std::to_string(name.size()) + name + "E";
}

// Fast ways of a hook of `function` that may try first by `tries` (empty: it does not).
std::vector<Way> FastWays(const std::vector<Way>& ways, const std::string& function,
                          const std::string& tries) {
  std::vector<Way> fast;
  for (const Way& way : ways) {
    const bool tried = !tries.empty() && way.back().mnemonic == "ret" &&
                       std::any_of(way.begin(), way.end(), [&](const Instruction& i) {
                         return IsCall(i) && IsReal(i.symbol, tries);
                       });
    if (tried || IsReal(way.back().symbol, function)) fast.push_back(way);
  }
  return fast;
}

// What is wrong with a way; empty: nothing.
std::string Fault(const Way& way, size_t most, const std::string& tries) {
  std::string fault;
  if (way.size() > most) fault += std::to_string(way.size()) + " instructions; ";
  size_t calls = 0;
  for (const Instruction& i : way) {
    if (IsLocked(i)) fault += i.mnemonic + "; ";
    if (!IsCall(i)) continue;
    ++calls;
    if (tries.empty() || !IsReal(i.symbol, tries)) fault += "call of " + i.symbol + "; ";
  }
  if (calls > 1) fault += std::to_string(calls) + " calls; ";
  return fault;
}

std::string Print(const Way& way) {
  std::string text;
  for (const Instruction& i : way) text += i.mnemonic + " " + i.operands + " " + i.symbol + "\n";
  return text;
}

struct Hook {
  const char* name;
  size_t least;  // instructions without which it could not do what it does
  size_t most;
  const char* tries = "";
};
void PrintTo(const Hook& hook, std::ostream* out) { *out << hook.name; }

// Exported names with their addresses.
std::map<std::string, uint64_t> Exports() {
  std::map<std::string, uint64_t> exports;
  for (const std::string& line :
       Lines(RunProcess({"nm", "-D", "--defined-only", AgentLibrary()}).out)) {
    exports[line.substr(line.rfind(' ') + 1)] = std::stoull(line, nullptr, 16);
  }
  return exports;
}

const Disassembly& Library() {
  static const Disassembly code =
      ParseDisassembly(RunProcess({"objdump", "-d", "--no-show-raw-insn", AgentLibrary()}).out);
  return code;
}

bool IsMadeByGcc() {
  const std::string comment = RunProcess({"readelf", "-p", ".comment", AgentLibrary()}).out;
  return comment.find("GCC") != std::string::npos && comment.find("clang") == std::string::npos;
}

class FastPath : public testing::TestWithParam<Hook> {};

TEST_P(FastPath, IsShortAndCallsNothingElse) {
  REQUIRE_PROGRAM("objdump", "binutils");
  if (!IsMadeByGcc()) GTEST_SKIP() << "numbers are those of g++";
  const Hook& hook = GetParam();
  const std::map<std::string, uint64_t> exports = Exports();
  ASSERT_TRUE(exports.contains(hook.name));
  const uint64_t entry = exports.at(hook.name);
  // A jump to any other place than within the hook goes to a slow path.
  uint64_t end = UINT64_MAX;
  for (const auto& [name, address] : exports) {
    if (address > entry) end = std::min(end, address);
  }
  constexpr uint64_t kLongestHook = 256;
  end = std::min(end, entry + kLongestHook);
  const std::vector<Way> ways =
      WaysFrom(Library(), entry, [=](uint64_t to) { return to >= entry && to < end; });
  EXPECT_GT(ways.size(), 1u) << "there is a slow way, too";
  const std::vector<Way> fast = FastWays(ways, hook.name, hook.tries);
  // Where the hook tries first, there is also the way of a program with one thread.
  ASSERT_EQ(fast.size(), *hook.tries != '\0' ? 2u : 1u);
  for (const Way& way : fast) {
    EXPECT_GE(way.size(), hook.least) << Print(way);
    EXPECT_EQ(Fault(way, hook.most, hook.tries), "") << Print(way);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Hooks, FastPath,
    testing::Values(Hook{"malloc", 4, 8}, Hook{"free", 4, 8}, Hook{"calloc", 5, 12},
                    Hook{"realloc", 7, 15}, Hook{"memalign", 4, 12}, Hook{"aligned_alloc", 4, 12},
                    Hook{"posix_memalign", 4, 12}, Hook{"valloc", 4, 12}, Hook{"pvalloc", 4, 12},
                    Hook{"pthread_mutex_lock", 5, 16, "pthread_mutex_trylock"},
                    Hook{"pthread_mutex_unlock", 4, 16},
                    Hook{"pthread_rwlock_rdlock", 5, 16, "pthread_rwlock_tryrdlock"},
                    Hook{"pthread_rwlock_wrlock", 5, 16, "pthread_rwlock_trywrlock"},
                    Hook{"pthread_rwlock_unlock", 4, 16},
                    Hook{"pthread_spin_lock", 5, 16, "pthread_spin_trylock"},
                    Hook{"pthread_spin_unlock", 4, 16}, Hook{"mtx_lock", 5, 16, "mtx_trylock"},
                    Hook{"mtx_unlock", 4, 16}, Hook{"pthread_cond_signal", 4, 16},
                    Hook{"pthread_cond_broadcast", 4, 16}, Hook{"cnd_signal", 4, 16},
                    Hook{"cnd_broadcast", 4, 16}, Hook{"sem_post", 4, 16},
                    Hook{"pthread_once", 4, 8}, Hook{"call_once", 4, 8}),
    [](const auto& info) { return info.param.name; });

// ---- the checks can fail ----

constexpr char kHook[] =
    "0000000000001000 <hook>:\n"
    "    1000:\tmov    0x14e71(%rip),%rdx        # 1ffd8 <_GLOBAL_OFFSET_TABLE_+0xf8>\n"
    "    1007:\tjs     1020 <hook+0x20>\n"
    "    1009:\tlock incl (%rdx)\n"
    "    100c:\tcall   *0x15a2d(%rip)        # 201b8 <_ZN9perfagent4real7trylockE>\n"
    "    1012:\tret\n"
    "    1013:\tnop\n"
    "    1020:\tcall   2000 <other>\n"
    "    1025:\tjmp    *0x15a21(%rip)        # 201c0 <_ZN9perfagent4real4lockE>\n";

std::vector<Way> WaysOfHook() {
  return WaysFrom(ParseDisassembly(kHook), 0x1000,
                  [](uint64_t to) { return to >= 0x1000 && to < 0x1100; });
}

TEST(FastPathCheck, FindsEveryWay) {
  const std::vector<Way> ways = WaysOfHook();
  ASSERT_EQ(ways.size(), 2u);
  EXPECT_EQ(ways[0].back().symbol, "_ZN9perfagent4real4lockE");
  EXPECT_EQ(ways[0].size(), 4u);
  EXPECT_EQ(ways[1].back().mnemonic, "ret");
  EXPECT_EQ(ways[1].size(), 5u);
  EXPECT_EQ(FastWays(ways, "lock", "trylock").size(), 2u);
  EXPECT_EQ(FastWays(ways, "lock", "").size(), 1u);
  EXPECT_EQ(FastWays(ways, "unlock", "").size(), 0u);
}

TEST(FastPathCheck, SeesWhatMustNotBe) {
  const std::vector<Way> ways = WaysOfHook();
  EXPECT_EQ(Fault(ways[0], 4, "trylock"), "call of other; ");
  EXPECT_EQ(Fault(ways[0], 3, "trylock"), "4 instructions; call of other; ");
  EXPECT_EQ(Fault(ways[1], 5, "trylock"), "lock incl; ");
  EXPECT_EQ(Fault(ways[1], 5, ""), "lock incl; call of _ZN9perfagent4real7trylockE; ");
}

TEST(FastPathCheck, AWayWithoutAnEndIsNoWay) {
  const Disassembly loop = ParseDisassembly("    1000:\tnop\n    1001:\tjmp    1000 <hook>\n");
  EXPECT_THROW(WaysFrom(loop, 0x1000, [](uint64_t) { return true; }), std::runtime_error);
}

}  // namespace
}  // namespace perfagent::test

#include "analyzer/model/suppressions.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kLibstdcxx = 0x7f0000000000;
constexpr uint64_t kLoader = 0x7f1000000000;
constexpr uint64_t kProgram = 0x400000;
constexpr uint64_t kSize = 0x100000;

// One block of 72704 bytes with the stack.
nlohmann::json HeapWithBlockAt(std::initializer_list<uint64_t> pcs) {
  DumpBuilder dump;
  dump.Module(kProgram, kProgram + kSize, "/nonexistent/app");
  dump.Module(kLibstdcxx, kLibstdcxx + kSize, "/nonexistent/libstdc++.so.6.0.30");
  dump.Module(kLoader, kLoader + kSize, "/nonexistent/ld-linux-x86-64.so.2");
  StreamBuilder& stream = dump.AddStream();
  stream.Alloc(1, 0x1000, 72704, dump.Stack(pcs));
  Profile profile = ProfileOf(dump);
  return nlohmann::json::parse(JsonReportOf(&profile)).at("heap");
}

TEST(Suppressions, EmergencyPoolOfStrippedLibstdcxxIsNoLeak) {
  const nlohmann::json heap = HeapWithBlockAt({kLibstdcxx + 0xa000, kLoader + 0x5000});
  EXPECT_EQ(heap.at("leaked_bytes").at("value"), 0);
  EXPECT_EQ(heap.at("leaked_blocks").at("value"), 0);
  EXPECT_EQ(heap.at("live_bytes").at("value"), 72704);
  ASSERT_EQ(heap.at("suppressed").size(), 1u);
  EXPECT_EQ(heap.at("suppressed").at(0).at("bytes").at("value"), 72704);
  EXPECT_EQ(heap.at("suppressed").at(0).at("reason"), "libstdc++'s emergency pool for exceptions");
}

TEST(Suppressions, BlockThatTheProgramGotThroughLibstdcxxMayBeALeak) {
  const nlohmann::json heap =
      HeapWithBlockAt({kLibstdcxx + 0xa000, kProgram + 0x5000, kLoader + 0x5000});
  EXPECT_EQ(heap.at("leaked_bytes").at("value"), 72704);
  EXPECT_TRUE(heap.at("suppressed").empty());
}

TEST(Suppressions, BlockOfTheProgramsOwnInitializerMayBeALeak) {
  const nlohmann::json heap = HeapWithBlockAt({kProgram + 0x5000, kLoader + 0x5000});
  EXPECT_EQ(heap.at("leaked_bytes").at("value"), 72704);
}

// Where libc's debug information is installed, its functions have such names.
TEST(Suppressions, LibcsInternalNamesAreThoseOfItsFunctions) {
  for (const auto& [name, leaked] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"_dl_allocate_tls", 0}, {"__GI__dl_allocate_tls", 0}, {"__GI_strdup", 64}}) {
    DumpBuilder dump;
    dump.Module(kLoader, kLoader + kSize, "/nonexistent/ld-linux-x86-64.so.2");
    dump.AddStream().Alloc(1, 0x1000, 64, dump.Stack({kLoader + 0x5000}));
    Profile profile = ProfileOf(dump);
    profile.dump.process.SetNames({{kLoader + 0x5000, {{.function = name}}}});
    const nlohmann::json heap = nlohmann::json::parse(JsonReportOf(&profile)).at("heap");
    EXPECT_EQ(heap.at("leaked_bytes").at("value"), leaked) << name;
  }
}

}  // namespace
}  // namespace perfagent::test

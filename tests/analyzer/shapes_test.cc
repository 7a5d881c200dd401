// Groups, trees, sizes, what was live over time, and the histories of addresses.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "analyzer/replay/load_profile.h"
#include "analyzer/report/event_lines.h"
#include "analyzer/views/call_tree.h"
#include "analyzer/views/grouping.h"
#include "analyzer/views/pool.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

const SymbolizerOptions kHere{.debug_paths = {}, .in_this_process = true};

// 0x401000 and 0x402000 are in one module, 0x601000 in another.
//
//   100 bytes, 1 block     main (0x401010) > 0x402000
//    30 bytes, 3 blocks    main > 0x401000 > 0x402000
//     7 bytes, 1 block     main > 0x601000
class ThreeStacks : public testing::Test {
 protected:
  ThreeStacks() {
    StreamBuilder& stream = dump_.AddStream();
    stream.Thread(0, 1, "main");
    dump_.Module(0x400000, 0x500000, "/nonexistent/app");
    dump_.Module(0x600000, 0x700000, "/nonexistent/lib/libplug.so.3.1");
    const uint64_t direct = dump_.Stack({0x402000, 0x401010});
    const uint64_t through = dump_.Stack({0x402000, 0x401000, 0x401010});
    const uint64_t plug = dump_.Stack({0x601000, 0x401010});
    stream.Alloc(10, 0x1000, 100, direct);
    for (uint64_t i = 0; i < 3; ++i) stream.Alloc(20 + i, 0x2000 + i * 0x100, 10, through);
    stream.Alloc(30, 0x3000, 7, plug, HeapApi::kCalloc);
    stream.Free(40, 0x1000);
  }
  HeapProfile Grouped(Grouping by, std::vector<std::string>* headlines) {
    Profile profile = ProfileOf(dump_);
    Symbolizer symbolizer(kHere);
    StackNames names(profile.dump.process, &symbolizer);
    Group(by, &names, &profile.heap);
    for (const HeapSite& site : profile.heap.sites)
      headlines->push_back(names.Frames(site.stack).front()->function);
    return profile.heap;
  }

  DumpBuilder dump_;
};

TEST_F(ThreeStacks, OfOneFunctionAreOneSite) {
  std::vector<std::string> headlines;
  const HeapProfile heap = Grouped(Grouping::kFunction, &headlines);
  ASSERT_EQ(headlines, (std::vector<std::string>{"app+0x1fff", "libplug.so.3.1+0xfff"}));
  EXPECT_EQ(heap.sites[0].metrics.bytes.value(), 130);
  EXPECT_EQ(heap.sites[0].metrics.allocations.value(), 4);
  EXPECT_EQ(heap.sites[0].metrics.leaked_bytes.value(), 30);
  EXPECT_EQ(heap.sites[0].merged_sites, 2u);
}

TEST_F(ThreeStacks, OfOneModuleOrLibraryAreOneSite) {
  std::vector<std::string> modules, libraries;
  const HeapProfile heap = Grouped(Grouping::kModule, &modules);
  EXPECT_EQ(modules,
            (std::vector<std::string>{"/nonexistent/app", "/nonexistent/lib/libplug.so.3.1"}));
  EXPECT_EQ(heap.sites[1].metrics.bytes.value(), 7);
  Grouped(Grouping::kLibrary, &libraries);
  EXPECT_EQ(libraries, (std::vector<std::string>{"app", "libplug"}));
}

TEST_F(ThreeStacks, OfUnequalFramesAreNotOneSite) {
  std::vector<std::string> headlines;
  EXPECT_EQ(Grouped(Grouping::kStack, &headlines).sites.size(), 3u);
}

TEST(Group, IntervalOfSampledSitesIsThatOfTheirSum) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().interval_bytes = 1000;
  StreamBuilder& stream = dump.AddStream();
  for (uint64_t i = 0; i < 8; ++i)
    stream.Alloc(10 + i, 0x1000 * (i + 1), 99, dump.Stack({0x402000, 0x500000 + i}));
  Profile profile = ProfileOf(dump);
  ASSERT_EQ(profile.heap.sites.size(), 8u);
  Symbolizer symbolizer(kHere);
  StackNames names(profile.dump.process, &symbolizer);
  // Only the innermost frame is nameless code in a module's place; all are equal but for their callers.
  names.Show({.hides = [](const SourceFrame& frame) { return frame.function != "0x401fff"; }});
  Group(Grouping::kStack, &names, &profile.heap);
  ASSERT_EQ(profile.heap.sites.size(), 1u);
  const double p = 1 - std::exp(-0.1);
  const Tally& blocks = profile.heap.sites[0].metrics.allocations;
  EXPECT_NEAR(blocks.value(), 8 / p, 1e-9);
  EXPECT_NEAR(blocks.variance(), 8 * (1 - p) / (p * p), 1e-6);
}

TEST_F(ThreeStacks, TreeOfCalleesHasEachFunctionBelowItsCaller) {
  Profile profile = ProfileOf(dump_);
  Symbolizer symbolizer(kHere);
  StackNames names(profile.dump.process, &symbolizer);
  const TreeNode root = CallTree(TreeOf::kCallees, {profile, names});
  EXPECT_EQ(root.costs.bytes.value(), 137);
  ASSERT_EQ(root.children.size(), 1u);
  const TreeNode& main = root.children[0];
  EXPECT_EQ(main.frame->function, "app+0x100f");
  ASSERT_EQ(main.children.size(), 3u);
  EXPECT_EQ(main.children[0].costs.bytes.value(), 100);
  EXPECT_EQ(main.children[1].costs.bytes.value(), 30);
  EXPECT_EQ(main.children[1].costs.allocations.value(), 3);
  ASSERT_EQ(main.children[1].children.size(), 1u);
  EXPECT_EQ(main.children[1].children[0].frame->function, "app+0x1fff");
}

TEST_F(ThreeStacks, TreeOfCallersBeginsWithThePlaces) {
  Profile profile = ProfileOf(dump_);
  Symbolizer symbolizer(kHere);
  StackNames names(profile.dump.process, &symbolizer);
  const TreeNode root = CallTree(TreeOf::kCallers, {profile, names});
  ASSERT_EQ(root.children.size(), 2u);
  EXPECT_EQ(root.children[0].frame->function, "app+0x1fff");
  EXPECT_EQ(root.children[0].costs.bytes.value(), 130);
  EXPECT_EQ(root.children[0].costs.leaked_bytes.value(), 30);
  EXPECT_EQ(root.children[0].children.size(), 2u);
}

TEST(Sizes, AreCountedByPowersOfTwo) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  strcpy(dump.header().allocator, "/usr/lib/libjemalloc.so.2");
  const uint64_t sizes[] = {0, 1, 2, 3, 4, 5, 64, 65, 3000, 1u << 20};
  const uint64_t usable_of_jemalloc[] = {8, 8, 8, 8, 8, 8, 64, 80, 3072, 1u << 20};
  uint64_t number = 0;
  for (const uint64_t size : sizes) {
    ++number;
    stream.Alloc(number, number << 21, size, 0);
  }
  const HeapProfile heap = ProfileOf(dump).heap;
  for (size_t i = 0; i < kSizeBuckets; ++i) {
    const double low = i == 0 ? -1 : std::ldexp(1, static_cast<int>(i) - 1);
    double count = 0, bytes = 0, usable = 0;
    for (size_t k = 0; k < std::size(sizes); ++k) {
      const auto value = static_cast<double>(sizes[k]);
      if (value <= low || value > std::ldexp(1, static_cast<int>(i))) continue;
      ++count;
      bytes += value;
      usable += static_cast<double>(usable_of_jemalloc[k]);
    }
    EXPECT_EQ(heap.sizes[i].allocations.value(), count) << i;
    EXPECT_EQ(heap.sizes[i].usable_bytes.value(), usable) << i;
    EXPECT_EQ(heap.sizes[i].bytes.value(), bytes) << i;
  }
}

TEST(Timeline, SaysWhatIsLiveAtTheEndOfEachPart) {
  DumpBuilder dump;
  dump.header().end_ticks = 6400;  // 64 parts of 100 ns
  StreamBuilder& stream = dump.AddStream();
  stream.Alloc(150, 0x1000, 1000, 0);
  stream.Alloc(1050, 0x2000, 500, 0);
  stream.Free(1099, 0x2000);
  stream.Alloc(3000, 0x3000, 10, 0);
  stream.Free(6350, 0x1000);
  const std::vector<LiveSlot> timeline = ProfileOf(dump).heap.timeline;
  ASSERT_EQ(timeline.size(), 64u);
  for (size_t i = 0; i < timeline.size(); ++i) {
    const uint64_t end_ns = 100 * (i + 1);
    EXPECT_EQ(timeline[i].end_ns, end_ns);
    const double expected = end_ns <= 150 ? 0 : end_ns <= 3000 ? 1000 : end_ns <= 6350 ? 1010 : 10;
    EXPECT_EQ(timeline[i].bytes.value(), expected) << i;
    EXPECT_TRUE(timeline[i].bytes.Interval().IsExact());
  }
}

std::string HistoryOf(DumpBuilder& dump, uint64_t address) {
  const MemoryFile file(dump.Bytes());
  std::string error;
  Workers workers(1);
  std::optional<LoadedDump> loaded = LoadDump(file.path(), Reading::kEverything, &workers, &error);
  StringOutput output;
  WriteEvents(*loaded, nullptr, &output, address);
  output.Flush();
  return output.text();
}

TEST(AddressHistory, IsOfTheBlocksThatContainIt) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Thread(0, 7, "main");
  stream.Alloc(10, 0x1000, 0x20, 0);
  stream.Alloc(11, 0x1020, 0x20, 0);  // its neighbour
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 12, 5, 0x1010, 0});
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 20, 5, 0x1018, 0});  // another lock
  stream.Realloc(30, 0x1000, 0x5000, 0x40, 0);
  stream.Free(40, 0x5000);  // not there any more
  stream.Alloc(50, 0x1010, 0x8, 0);
  stream.Free(60, 0x1010);
  stream.Free(70, 0x1020);
  EXPECT_EQ(HistoryOf(dump, 0x1010),
            "10 7 malloc 0x1000 32 s0\n"
            "12 7 pthread_mutex_lock 0x1010 wait=5 result=0 s0\n"
            "30 7 realloc old=0x1000 new=0x5000 64 s0\n"
            "50 7 malloc 0x1010 8 s0\n"
            "60 7 free 0x1010 s0\n");
  EXPECT_EQ(HistoryOf(dump, 0x9999), "");
}

// Loaded elsewhere in each process, as with address space randomization.
void BuildShifted(DumpBuilder* dump, uint64_t shift) {
  StreamBuilder& stream = dump->AddStream();
  stream.Thread(0, 1, "main");
  dump->Module(0x400000 + shift, 0x500000 + shift, "/nonexistent/app");
  const uint64_t stack = dump->Stack({0x401000 + shift, 0x402000 + shift});
  stream.Alloc(10, 0x1000 + shift, 64, stack);
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 20, 300, 0x9000 + shift, stack});
  dump->AddLockTable().PutSlot(0x9000 + shift, 0x401000 + shift, 1, 300);
}

TEST(Pool, SitesAndLocksOfProcessesAreOneByTheirNames) {
  constexpr uint64_t kProcesses = 20;
  Pool pool;
  Symbolizer symbolizer(kHere);
  std::optional<Profile> last;
  for (uint64_t i = 0; i < kProcesses; ++i) {
    DumpBuilder dump;
    BuildShifted(&dump, i << 20);
    Profile profile = ProfileOf(dump);
    StackNames names(profile.dump.process, &symbolizer);
    pool.Add({profile, names});
    last.emplace(std::move(profile));
  }
  const NamedProfile pooled = pool.Finish(*std::move(last));
  ASSERT_EQ(pooled.profile.heap.sites.size(), 1u);
  const HeapSite& site = pooled.profile.heap.sites[0];
  EXPECT_EQ(site.metrics.bytes.value(), 64 * kProcesses);
  EXPECT_EQ(pooled.profile.heap.total.leaked_blocks.value(), kProcesses);
  EXPECT_EQ(pooled.names.Frames(site.stack).size(), 2u);
  ASSERT_EQ(pooled.profile.locks.locks.size(), 1u);
  const Lock& lock = pooled.profile.locks.locks[0];
  EXPECT_EQ(lock.contended, kProcesses);
  EXPECT_EQ(lock.wait_ns, 300 * kProcesses);
  ASSERT_EQ(lock.waits.size(), 1u);
  EXPECT_EQ(lock.waits[0].wait_ns.value(), 300 * kProcesses);
  EXPECT_EQ(LockName(lock, &pooled.names), "mutex, first waited for in app+0xfff");
  EXPECT_EQ(pool.processes().size(), kProcesses);
}

}  // namespace
}  // namespace perfagent::test

#include "agent/live_set.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "agent/live_filter.h"
#include "agent/sampler.h"

namespace perfagent {
namespace {

// A fresh table for each test: the old one is left behind, as in a process that never stops using it.
void StartFresh() {
  ASSERT_TRUE(live_filter::UseGranules());
  ASSERT_TRUE(live_set::Start());
}

bool InFilter(uintptr_t block) { return live_filter::MayHold(reinterpret_cast<void*>(block)); }

TEST(LiveSet, FollowsAStdSetThroughRandomInsertsAndRemoves) {
  StartFresh();
  std::set<uintptr_t> truth;
  uint64_t random = 3;
  for (int i = 0; i < 200000; ++i) {
    const uintptr_t block = (sampler::NextRandom(&random) % 20000 + 1) * 16;
    if (truth.contains(block)) {
      ASSERT_TRUE(InFilter(block));
      ASSERT_TRUE(live_set::Remove(block));
      truth.erase(block);
    } else {
      ASSERT_FALSE(live_set::Remove(block));
      if (live_set::Insert(block)) truth.insert(block);
    }
  }
  for (uintptr_t block : truth) EXPECT_TRUE(live_set::Remove(block));
  for (uintptr_t block : truth) EXPECT_FALSE(live_set::Remove(block));
}

TEST(LiveSet, WhenFullInsertFailsAndTheFilterForgetsTheBlock) {
  StartFresh();
  size_t inserted = 0;
  uintptr_t refused = 0;
  constexpr uintptr_t kApart = uintptr_t{1} << live_filter::kGranuleShift;
  for (uintptr_t block = kApart; refused == 0; block += kApart) {
    if (live_set::Insert(block)) {
      ++inserted;
    } else {
      refused = block;
    }
  }
  // The emptier of two buckets of eight slots: well over half full before the first refusal.
  EXPECT_GT(inserted, live_set::kBuckets * live_set::kSlotsPerBucket * 6 / 10);
  EXPECT_FALSE(InFilter(refused));
  EXPECT_FALSE(live_set::Remove(refused));
}

TEST(LiveSet, NoFalseNegativeWhileThreadsInsertAndRemove) {
  StartFresh();
  constexpr int kThreads = 4;
  constexpr int kRounds = 20000;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < kRounds; ++i) {
        // All threads share granules; each owns its addresses.
        const auto block = static_cast<uintptr_t>((i % 1000 + 1) * 64 + t * 16);
        if (!live_set::Insert(block)) continue;
        if (!InFilter(block) || !live_set::Remove(block) || live_set::Remove(block)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(LiveFilter, CounterThatReachedTheTopStaysThere) {
  StartFresh();
  for (int i = 0; i < 300; ++i) live_filter::Add(16);
  for (int i = 0; i < 300; ++i) live_filter::Remove(16);
  EXPECT_TRUE(InFilter(16));
}

TEST(LiveFilter, CountsPerGranule) {
  StartFresh();
  const uintptr_t granule = uintptr_t{5} << live_filter::kGranuleShift;
  live_filter::Add(granule);
  live_filter::Add(granule + 64);
  live_filter::Remove(granule);
  EXPECT_TRUE(InFilter(granule + 128));
  live_filter::Remove(granule + 64);
  EXPECT_FALSE(InFilter(granule + 128));
  EXPECT_FALSE(InFilter(granule + (uintptr_t{1} << live_filter::kGranuleShift)));
}

}  // namespace
}  // namespace perfagent

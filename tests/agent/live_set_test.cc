#include "agent/live_set.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "agent/live_filter.h"
#include "agent/sampler.h"
#include "perfagent/sampling.h"

namespace perfagent {
namespace {

// A fresh table for each test: the old one is left behind, as in a process that never stops using it.
void StartFresh() {
  ASSERT_TRUE(live_filter::MapGranules());
  live_filter::WantTracked();
  ASSERT_TRUE(live_set::Start());
}

uint32_t LimitOf(uintptr_t block) {
  return static_cast<uint32_t>(sampler::Scramble(block) % (sampling::kNoLimit - 1));
}
bool Insert(uintptr_t block) {
  return live_set::Insert(block, LimitOf(block)) != live_set::Room::kFull;
}
bool InFilter(uintptr_t block) { return live_filter::MayHold(reinterpret_cast<void*>(block)); }

TEST(LiveSet, FollowsAStdSetThroughRandomInsertsAndRemoves) {
  StartFresh();
  std::set<uintptr_t> truth;
  uint64_t random = 3;
  for (int i = 0; i < 200000; ++i) {
    const uintptr_t block = (sampler::NextRandom(&random) % 20000 + 1) * 8;
    if (truth.contains(block)) {
      ASSERT_TRUE(InFilter(block));
      ASSERT_TRUE(live_set::Contains(block));
      const live_set::Removed removed = live_set::Remove(block);
      ASSERT_TRUE(removed.was_there);
      ASSERT_EQ(removed.limit, LimitOf(block));
      truth.erase(block);
    } else {
      ASSERT_FALSE(live_set::Contains(block));
      ASSERT_FALSE(live_set::Remove(block).was_there);
      if (Insert(block)) truth.insert(block);
    }
  }
  for (uintptr_t block : truth) EXPECT_TRUE(live_set::Remove(block).was_there);
  for (uintptr_t block : truth) EXPECT_FALSE(live_set::Remove(block).was_there);
}

TEST(LiveSet, WhenFullInsertFailsAndTheFilterForgetsTheBlock) {
  StartFresh();
  size_t inserted = 0, crowded = 0;
  uintptr_t refused = 0;
  constexpr uintptr_t kApart = uintptr_t{1} << live_filter::kGranuleShift;
  for (uintptr_t block = kApart; refused == 0; block += kApart) {
    const live_set::Room room = live_set::Insert(block, 1);
    if (room == live_set::Room::kCrowded && crowded == 0) crowded = inserted;
    if (room == live_set::Room::kFull) {
      refused = block;
    } else {
      ++inserted;
    }
  }
  EXPECT_GT(crowded, live_set::kBuckets * live_set::kSlotsPerBucket * 3 / 10);
  EXPECT_LT(crowded, inserted * 9 / 10) << "warned in time";
  // The emptier of two buckets of eight slots: well over half full before the first refusal.
  EXPECT_GT(inserted, live_set::kBuckets * live_set::kSlotsPerBucket * 6 / 10);
  EXPECT_FALSE(InFilter(refused));
  EXPECT_FALSE(live_set::Remove(refused).was_there);
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
        const auto block = static_cast<uintptr_t>((i % 1000 + 1) * 64 + t * 8);
        if (!Insert(block)) continue;
        if (!InFilter(block) || !live_set::Remove(block).was_there ||
            live_set::Remove(block).was_there) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(LiveSet, ThinningDropsThoseWhoseLimitIsBelowAndNoneElse) {
  StartFresh();
  constexpr uint64_t kInterval = 18 << 10;
  const uint32_t bar = sampling::LimitCode(kInterval);
  for (uint32_t limit = 0; limit < sampling::kNoLimit; ++limit)
    ASSERT_EQ(live_set::Insert((limit + 1) * uintptr_t{4096}, limit), live_set::Room::kEnough);
  live_set::Thin(kInterval + 1);  // between two grid points: thins to the one below
  for (uint32_t limit = 0; limit < sampling::kNoLimit; ++limit) {
    const uintptr_t block = (limit + 1) * uintptr_t{4096};
    EXPECT_EQ(live_set::Contains(block), limit >= bar) << limit;
    EXPECT_EQ(InFilter(block), limit >= bar) << "the filter goes with the set";
  }
}

TEST(LiveSet, ThinningWhileThreadsInsertLosesNoneThatStays) {
  StartFresh();
  std::atomic<bool> stop{false};
  std::thread thinner([&stop] {
    while (!stop) live_set::Thin(1 << 20);
  });
  const uint32_t stays = sampling::LimitCode(1 << 20);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 5000; ++i) {
        const auto block = static_cast<uintptr_t>((i % 100 + 1) * 64 + t * 16);
        live_set::Insert(block + 8, stays - 1);  // may go at any time
        live_set::Insert(block, stays);
        if (!InFilter(block) || !live_set::Remove(block).was_there) ++wrong;
        live_set::Remove(block + 8);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  thinner.join();
  EXPECT_EQ(wrong, 0);
}

TEST(LiveFilter, CounterThatReachedTheTopStaysThere) {
  StartFresh();
  for (int i = 0; i < 300; ++i) live_filter::Add(16);
  for (int i = 0; i < 300; ++i) live_filter::Remove(16);
  EXPECT_TRUE(InFilter(16));
}

TEST(LiveSet, CountsThoseThatAThinningWouldLeave) {
  StartFresh();
  for (uint32_t limit = 0; limit < 100; ++limit) live_set::Insert((limit + 1) * 4096, limit);
  EXPECT_EQ(live_set::CountTrackedAt(0), 100u);
  EXPECT_EQ(live_set::CountTrackedAt(100), 100 - sampling::LimitCode(sampling::GridFloor(100)));
}

TEST(LiveFilter, HooksSeeEveryFreeUntilTrackedOnesAreWanted) {
  StartFresh();
  live_filter::WantEvery();
  const uintptr_t tracked = 5 << live_filter::kGranuleShift, other = 2 * tracked;
  ASSERT_TRUE(Insert(tracked));
  EXPECT_TRUE(InFilter(tracked) && InFilter(other) && live_filter::WantsEvery());
  EXPECT_TRUE(live_filter::IsNearTracked(tracked));
  EXPECT_FALSE(live_filter::IsNearTracked(other));
  EXPECT_FALSE(live_set::Remove(other).was_there);
  live_filter::WantTracked();
  EXPECT_TRUE(InFilter(tracked));
  EXPECT_FALSE(InFilter(other));
  ASSERT_TRUE(live_set::Remove(tracked).was_there);
  EXPECT_FALSE(InFilter(tracked));
}

TEST(LiveFilter, WhatIsTrackedIsSeenWhileItChangesWhatIsWanted) {
  StartFresh();
  live_filter::WantEvery();
  std::atomic<bool> stop{false};
  std::thread changer([&stop] {
    while (!stop) {
      live_filter::WantTracked();
      live_filter::WantEvery();
    }
  });
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (uintptr_t t = 0; t < 2; ++t) {
    threads.emplace_back([t, &wrong] {
      for (uintptr_t i = 0; i < 20000; ++i) {
        const uintptr_t block = (i % 1000 * 2 + t + 1) << live_filter::kGranuleShift;
        live_set::Insert(block, 1);
        if (!InFilter(block) || !live_set::Remove(block).was_there) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  changer.join();
  EXPECT_EQ(wrong, 0);
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

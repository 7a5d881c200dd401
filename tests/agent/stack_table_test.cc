#include "agent/stack_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/sampler.h"

namespace perfagent {
namespace {

TEST(StackTable, FindsWhatWasInsertedAndNothingElse) {
  ASSERT_TRUE(stack_table::Start(12));
  std::map<uint64_t, uint64_t> truth;
  uint64_t random = 9;
  for (int i = 0; i < 2000; ++i) {
    const uint64_t hash = sampler::NextRandom(&random);
    const uint64_t id = stack_table::NewIds(1);
    stack_table::Insert(hash, id);
    truth[hash] = id;
  }
  for (const auto& [hash, id] : truth) EXPECT_EQ(stack_table::Find(hash), id);
  for (int i = 0; i < 2000; ++i) {
    const uint64_t hash = sampler::NextRandom(&random);
    EXPECT_EQ(stack_table::Find(hash), truth.contains(hash) ? truth[hash] : 0);
  }
}

TEST(StackTable, FullTableNeverGivesAnothersId) {
  ASSERT_TRUE(stack_table::Start(4));
  std::map<uint64_t, uint64_t> truth;
  uint64_t random = 11;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t hash = sampler::NextRandom(&random);
    truth[hash] = stack_table::NewIds(1);
    stack_table::Insert(hash, truth[hash]);
  }
  for (const auto& [hash, id] : truth) {
    const uint64_t found = stack_table::Find(hash);
    EXPECT_TRUE(found == 0 || found == id);
  }
}

TEST(StackTable, IdsInARowBelongToOneCaller) {
  const uint64_t first = stack_table::NewIds(5);
  EXPECT_NE(first, 0u);
  EXPECT_EQ(stack_table::NewIds(1), first + 5);
}

TEST(StackTable, CacheGivesAKeyItsOwnIdOrNone) {
  const auto cache = std::make_unique<StackCache>();
  std::map<uint64_t, uint64_t> truth;
  uint64_t random = 13;
  size_t found = 0;
  for (uint64_t id = 1; id <= 20000; ++id) {
    const uint64_t key = stack_table::KeyOf(sampler::NextRandom(&random));
    cache->Keep(key, id);
    truth[key] = id;
    EXPECT_EQ(cache->Find(key), id);
  }
  for (const auto& [key, id] : truth) {
    const uint64_t cached = cache->Find(key);
    EXPECT_TRUE(cached == 0 || cached == id);
    found += cached == id;
  }
  EXPECT_GT(found, 3000u);
}

TEST(StackTable, ThreadsThatMeetTheSameStacksAgreeOnOneIdAfterwards) {
  ASSERT_TRUE(stack_table::Start(16));
  constexpr int kThreads = 4;
  constexpr uint64_t kStacks = 5000;
  std::mutex mutex;
  std::map<uint64_t, std::vector<uint64_t>> proposed;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 1; i <= kStacks; ++i) {
        const uint64_t hash = sampler::Scramble(i);
        if (stack_table::Find(hash) != 0) continue;
        const uint64_t id = stack_table::NewIds(1);
        stack_table::Insert(hash, id);
        const std::lock_guard<std::mutex> lock(mutex);
        proposed[hash].push_back(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint64_t i = 1; i <= kStacks; ++i) {
    const uint64_t hash = sampler::Scramble(i);
    const uint64_t id = stack_table::Find(hash);
    const std::vector<uint64_t>& ids = proposed[hash];
    EXPECT_NE(std::find(ids.begin(), ids.end(), id), ids.end()) << hash;
  }
}

}  // namespace
}  // namespace perfagent

#include "agent/wait_table.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <thread>
#include <vector>

#include "agent/sampler.h"

namespace perfagent {
namespace {

const void* At(uintptr_t address) { return reinterpret_cast<const void*>(address); }

// Nobody waits: neither for a lock nor, as a leak would be seen, in any word.
void ExpectEmpty() {
  for (const auto& hint : wait_table::table.hints) ASSERT_EQ(hint.load(), 0u);
  for (const auto& bucket : wait_table::table.waited) {
    for (const auto& word : bucket) ASSERT_EQ(word.load(), 0u);
  }
}

TEST(WaitTable, ALockIsWaitedForUntilTheLastOneStops) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  EXPECT_FALSE(wait_table::MayBeWaitedFor(&mutex));
  for (int i = 0; i < 3; ++i) wait_table::Publish(&mutex);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(wait_table::MayBeWaitedFor(&mutex));
    EXPECT_TRUE(wait_table::IsWaitedFor(&mutex));
    wait_table::Clear(&mutex);
  }
  EXPECT_FALSE(wait_table::MayBeWaitedFor(&mutex));
  EXPECT_FALSE(wait_table::IsWaitedFor(&mutex));
  ExpectEmpty();
}

TEST(WaitTable, NeighboursDoNotShareACount) {
  pthread_mutex_t mutexes[3] = {};
  wait_table::Publish(&mutexes[1]);
  EXPECT_FALSE(wait_table::MayBeWaitedFor(&mutexes[0]));
  EXPECT_TRUE(wait_table::MayBeWaitedFor(&mutexes[1]));
  EXPECT_FALSE(wait_table::MayBeWaitedFor(&mutexes[2]));
  wait_table::Clear(&mutexes[1]);
  ExpectEmpty();
}

TEST(WaitTable, LocksThatShareACountAreToldApart) {
  constexpr uintptr_t kOneTurn = wait_table::kHints << wait_table::kHintShift;
  const void* awaited = At(0x7f0000001000);
  const void* other = At(0x7f0000001000 + kOneTurn);
  wait_table::Publish(awaited);
  EXPECT_TRUE(wait_table::MayBeWaitedFor(other));
  EXPECT_FALSE(wait_table::IsWaitedFor(other));
  wait_table::Publish(other);
  wait_table::Clear(awaited);
  EXPECT_FALSE(wait_table::IsWaitedFor(awaited));
  EXPECT_TRUE(wait_table::IsWaitedFor(other));
  wait_table::Clear(other);
  ExpectEmpty();
}

TEST(WaitTable, FollowsAMapThroughRandomWaits) {
  std::map<uintptr_t, int> truth;
  uint64_t random = 7;
  for (int i = 0; i < 100000; ++i) {
    const uintptr_t lock = 0x600000 + sampler::NextRandom(&random) % 300 * 40;
    if (const auto found = truth.find(lock); found != truth.end() && i % 2 != 0) {
      wait_table::Clear(At(lock));
      if (--found->second == 0) truth.erase(found);
    } else if (truth.size() < 100) {
      wait_table::Publish(At(lock));
      ++truth[lock];
    }
    ASSERT_EQ(wait_table::IsWaitedFor(At(lock)), truth.contains(lock)) << "after " << i;
  }
  for (const auto& [lock, count] : truth) {
    for (int i = 0; i < count; ++i) wait_table::Clear(At(lock));
  }
  ExpectEmpty();
}

// More locks at once than there are words: what finds none is missed, and leaves nothing behind.
TEST(WaitTable, WhenFullLocksAreMissedAndNothingLeaks) {
  constexpr size_t kLocks = 2 * wait_table::kBuckets * wait_table::kLocksPerBucket;
  size_t missed = 0;
  for (size_t i = 1; i <= kLocks; ++i) {
    wait_table::Publish(At(i * 64));
    missed += wait_table::IsWaitedFor(At(i * 64)) ? 0 : 1;
    ASSERT_TRUE(wait_table::MayBeWaitedFor(At(i * 64)));
  }
  EXPECT_GE(missed, kLocks / 2);
  for (size_t i = 1; i <= kLocks; ++i) wait_table::Clear(At(i * 64));
  ExpectEmpty();
}

// A wait that a handler's longjmp left is never cleared; one that began in another process is cleared once too often.
TEST(WaitTable, CountsDoNotGoBelowZero) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  wait_table::Clear(&mutex);
  ExpectEmpty();
  wait_table::Publish(&mutex);
  EXPECT_TRUE(wait_table::IsWaitedFor(&mutex));
  wait_table::Clear(&mutex);
  ExpectEmpty();
}

TEST(WaitTable, ThreadsSeeTheirOwnWaitsAndLeaveNothing) {
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([seed] {
      uint64_t random = seed;
      for (int i = 0; i < 20000; ++i) {
        const void* lock = At(0x600000 + sampler::NextRandom(&random) % 3 * 40);
        wait_table::Publish(lock);
        ASSERT_TRUE(wait_table::MayBeWaitedFor(lock));
        ASSERT_TRUE(wait_table::IsWaitedFor(lock));
        wait_table::Clear(lock);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectEmpty();
}

TEST(WaitTable, NobodyWaitsInAForkedChild) {
  ASSERT_TRUE(wait_table::Start());
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  wait_table::Publish(&mutex);
  const pid_t child = fork();
  if (child == 0) {
    _exit(wait_table::MayBeWaitedFor(&mutex) || wait_table::IsWaitedFor(&mutex) ? 1 : 42);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_TRUE(wait_table::IsWaitedFor(&mutex)) << "the parent's are there still";
  wait_table::Clear(&mutex);
  ExpectEmpty();
}

}  // namespace
}  // namespace perfagent

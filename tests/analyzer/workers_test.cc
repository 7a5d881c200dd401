#include "analyzer/parallel/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace perfagent {
namespace {

TEST(Workers, DoEachTaskOnceInEveryRound) {
  for (const size_t threads : {1, 2, 5}) {
    Workers workers(threads);
    EXPECT_EQ(workers.count(), threads);
    for (size_t tasks = 0; tasks < 100; ++tasks) {
      std::vector<int> done(tasks);  // a task that is done twice is a race or a 2
      workers.Run(tasks, [&](size_t i) { ++done[i]; });
      EXPECT_EQ(done, std::vector<int>(tasks, 1));
    }
  }
}

TEST(Workers, WorkSideBySide) {
  Workers workers(3);
  std::atomic<int> met = 0;
  // Each waits for the others: it would never end if one had to end before another begins.
  workers.Run(3, [&](size_t) {
    for (++met; met < 3;) std::this_thread::yield();
  });
  EXPECT_EQ(met, 3);
}

TEST(Workers, WhatATaskThrowsIsThrownByRunAndTheNextRoundIsSound) {
  for (const size_t threads : {1, 3}) {
    Workers workers(threads);
    EXPECT_THROW(workers.Run(10,
                             [](size_t i) {
                               if (i == 4) throw std::runtime_error("four");
                             }),
                 std::runtime_error);
    std::atomic<int> done = 0;
    workers.Run(10, [&](size_t) { ++done; });
    EXPECT_EQ(done, 10);
  }
}

}  // namespace
}  // namespace perfagent

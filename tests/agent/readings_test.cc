// When readings are due, and that each is one thread's.
#include "agent/readings.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "agent/clock.h"

namespace perfagent {
namespace {

uint64_t Ms(uint64_t ms) { return clock::TicksOf(ms * 1'000'000); }

class Readings : public testing::Test {
 protected:
  void SetUp() override {
    clock::Start();
    clock::Calibrate();
    readings::Start();
  }
};

TEST_F(Readings, OfMemoryAreDueAtOnceAndOfTheClockASecondLater) {
  EXPECT_TRUE(readings::AreDue(0));
  const readings::Due first = readings::Claim(Ms(1));
  EXPECT_TRUE(first.memory);
  EXPECT_FALSE(first.clock);
  EXPECT_FALSE(readings::AreDue(Ms(10)));
  EXPECT_TRUE(readings::AreDue(Ms(12)));
  const readings::Due later = readings::Claim(Ms(1001));
  EXPECT_TRUE(later.memory);
  EXPECT_TRUE(later.clock);
  EXPECT_FALSE(readings::AreDue(Ms(1010)));
}

TEST_F(Readings, OneThatIsDueIsOneThreads) {
  for (uint64_t round = 1; round <= 50; ++round) {
    const uint64_t now = Ms(round * 100'000);  // the next ones are seconds away
    std::atomic<int> clocks = 0, memory = 0;
    std::array<std::thread, 8> threads;
    for (std::thread& thread : threads) {
      thread = std::thread([&] {
        if (!readings::AreDue(now)) return;
        const readings::Due due = readings::Claim(now);
        clocks += due.clock;
        memory += due.memory;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(clocks, 1);
    EXPECT_EQ(memory, 1);
  }
}

// A process that records something every 10 ms. The README names these numbers.
TEST_F(Readings, OfADayAreSomeThousandsAndAHundredInTheFirstSecond) {
  uint64_t ms = 0, clocks = 0, memory = 0;
  const auto run_to = [&](uint64_t end_ms) {
    for (; ms < end_ms; ms += 10) {
      if (!readings::AreDue(Ms(ms))) continue;
      const readings::Due due = readings::Claim(Ms(ms));
      clocks += due.clock;
      memory += due.memory;
    }
  };
  run_to(1000);
  EXPECT_GT(memory, 45u);  // a tick or two may be rounded away, and then every second one is taken
  EXPECT_LE(memory, 100u);
  run_to(86'400'000);
  EXPECT_GT(memory, 1300u);
  EXPECT_LT(memory, 1700u);
  EXPECT_GT(clocks, 2500u);
  EXPECT_LT(clocks, 3500u);
}

}  // namespace
}  // namespace perfagent

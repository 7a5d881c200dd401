#include "agent/clock.h"

#include <gtest/gtest.h>

#include <thread>

#include "agent/config.h"

namespace perfagent {
namespace {

class ClockTest : public testing::TestWithParam<ClockChoice> {
 protected:
  void SetUp() override {
    config.clock = GetParam();
    clock::Start();
    clock::Calibrate();
  }
  void TearDown() override { config = Config(); }
};

INSTANTIATE_TEST_SUITE_P(Both, ClockTest, testing::Values(ClockChoice::kAuto, ClockChoice::kVdso),
                         [](const auto& info) {
                           return info.param == ClockChoice::kAuto ? "Auto" : "Vdso";
                         });

// What is between two readings of the system's clocks is read between them.
TEST_P(ClockTest, ReadingsAreOfOneInstant) {
  for (int i = 0; i < 1000; ++i) {
    const uint64_t ticks_before = clock::Now();
    const uint64_t monotonic_before = clock::ReadNs(CLOCK_MONOTONIC);
    const clock::Reading reading = clock::Read();
    const uint64_t monotonic_after = clock::ReadNs(CLOCK_MONOTONIC);
    const uint64_t ticks_after = clock::Now();
    EXPECT_GE(reading.monotonic_ns, monotonic_before);
    EXPECT_LE(reading.monotonic_ns, monotonic_after);
    EXPECT_GE(reading.ticks, ticks_before);
    EXPECT_LE(reading.ticks, ticks_after);
  }
}

TEST_P(ClockTest, TicksAreWorthWhatTheSystemsClockSays) {
  constexpr uint64_t kLeastNs = 20'000'000;
  const uint64_t ticks_0 = clock::Now();
  const uint64_t monotonic_0 = clock::ReadNs(CLOCK_MONOTONIC);
  const uint64_t ticks_1 = clock::Now();
  while (clock::ReadNs(CLOCK_MONOTONIC) - monotonic_0 < kLeastNs) std::this_thread::yield();
  const uint64_t ticks_2 = clock::Now();
  const uint64_t elapsed = clock::ReadNs(CLOCK_MONOTONIC) - monotonic_0;
  const uint64_t ticks_3 = clock::Now();
  // The speed was measured over 0.1 ms, between readings that are some 50 ns wide each.
  const auto slack = static_cast<uint64_t>(static_cast<double>(elapsed) * 0.005);
  EXPECT_GE(clock::NsOf(ticks_3 - ticks_0) + slack, elapsed);
  EXPECT_LE(clock::NsOf(ticks_2 - ticks_1), elapsed + slack);
  EXPECT_NEAR(static_cast<double>(clock::NsOf(clock::TicksOf(1'000'000'000))), 1e9, 10);
}

TEST_P(ClockTest, CountsFromTheStart) {
  const clock::Reading start = clock::Started();
  const clock::Reading calibration = clock::Calibrated();
  const clock::Reading now = clock::Read();
  EXPECT_GT(calibration.ticks, start.ticks);
  EXPECT_GT(calibration.monotonic_ns, start.monotonic_ns);
  EXPECT_GE(now.ticks, calibration.ticks - start.ticks);
  EXPECT_LE(now.ticks, clock::Now());
}

// A processor's counter may be behind the one that Start read.
TEST_P(ClockTest, IsNeverBeforeTheStart) {
  clock::source.start += uint64_t{1} << 62;
  EXPECT_EQ(clock::Now(), 0u);
  EXPECT_EQ(clock::Since(1), 0u);
  EXPECT_EQ(clock::Read().ticks, 0u);
}

}  // namespace
}  // namespace perfagent

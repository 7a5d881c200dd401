#include "agent/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace perfagent {

__thread ThreadState thread_state;

namespace {

TEST(Log, AgreesWithLibm) {
  uint64_t random = 1;
  for (int i = 0; i < 1000000; ++i) {
    const double x = static_cast<double>((sampler::NextRandom(&random) >> 11) + 1) * 0x1p-53;
    ASSERT_NEAR(sampler::Log(x), std::log(x), 1e-12 * (1 + std::fabs(std::log(x)))) << x;
  }
  EXPECT_EQ(sampler::Log(1.0), 0.0);
  EXPECT_NEAR(sampler::Log(0x1p-53), std::log(0x1p-53), 1e-12);
}

// Kolmogorov-Smirnov at 0.1 %: 1.95 / sqrt(n).
TEST(DrawGap, IsExponential) {
  constexpr int kDraws = 200000;
  constexpr double kMean = 524288;
  uint64_t random = 42;
  std::vector<double> draws(kDraws);
  for (double& draw : draws) draw = static_cast<double>(sampler::DrawGap(&random, 524288));
  std::sort(draws.begin(), draws.end());
  double distance = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double expected = 1 - std::exp(-(draws[i] + 1) / kMean);
    distance = std::max(distance, std::fabs(expected - (i + 0.5) / kDraws));
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(kDraws));
}

// The hook's own arithmetic, against the formula that the analyzer inverts.
TEST(Spend, SamplesSizeSWithProbabilityOneMinusExp) {
  constexpr uint64_t kInterval = 4096;
  for (uint64_t size : {0, 1, 100, 4096, 20000}) {
    ThreadState t = {};
    t.random = 7 + size;
    t.bytes_left = sampler::DrawGap(&t.random, kInterval);
    constexpr int kCalls = 400000;
    int sampled = 0;
    for (int i = 0; i < kCalls; ++i) {
      if (t.Spend(size)) continue;
      ++sampled;
      t.bytes_left = sampler::DrawGap(&t.random, kInterval);
    }
    const double p = 1 - std::exp(-static_cast<double>(size + 1) / kInterval);
    EXPECT_NEAR(sampled, kCalls * p, 4 * std::sqrt(kCalls * p * (1 - p)) + 1) << size;
  }
}

TEST(Spend, FailingHugeRequestsDoNotChangeTheCountdown) {
  ThreadState t = {};
  t.bytes_left = 1000;
  EXPECT_FALSE(t.Spend(~uint64_t{0}));
  EXPECT_FALSE(t.Spend(uint64_t{1} << 63));
  EXPECT_EQ(t.bytes_left, 1000u);
}

TEST(Spend, ZeroSizedCallsMoveTheCountdown) {
  ThreadState t = {};
  t.bytes_left = 3;
  EXPECT_TRUE(t.Spend(0));
  EXPECT_TRUE(t.Spend(0));
  EXPECT_TRUE(t.Spend(0));
  EXPECT_FALSE(t.Spend(0));
}

}  // namespace
}  // namespace perfagent

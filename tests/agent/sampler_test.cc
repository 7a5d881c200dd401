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

TEST(Exp, AgreesWithLibm) {
  for (double x = 0; x > -60; x -= 0.0137)
    ASSERT_NEAR(sampler::Exp(x), std::exp(x), 1e-12 * std::exp(x)) << x;
  EXPECT_EQ(sampler::Exp(0), 1.0);
  EXPECT_EQ(sampler::Exp(-1e300), 0.0);
}

// A block stays tracked at `interval` with probability p(size, interval), as share of those that were sampled with `mean`.
TEST(DrawLimit, ABlockStaysWithTheProbabilityThatTheGreaterIntervalWouldHaveGiven) {
  constexpr int kDraws = 200000;
  const auto p = [](uint64_t size, uint64_t mean) {
    return mean == 0 ? 1 : -std::expm1(-static_cast<double>(size + 1) / static_cast<double>(mean));
  };
  uint64_t random = 77;
  for (uint64_t mean : {0, 1, 4096, 100000}) {
    for (uint64_t size : {0, 63, 5000, 3000000}) {
      for (uint64_t interval : {15, 4096, 98304, 1 << 20, 1 << 26}) {
        if (interval < mean) continue;
        int stay = 0;
        for (int i = 0; i < kDraws; ++i)
          stay += sampling::StaysTracked(sampler::DrawLimit(&random, size, mean), interval);
        const double share = p(size, sampling::GridFloor(interval)) / p(size, mean);
        const double expected = kDraws * std::min(share, 1.0);
        EXPECT_NEAR(stay, expected, 4.5 * std::sqrt(expected * (1 - std::min(share, 1.0)) + 1))
            << mean << " " << size << " " << interval;
      }
    }
  }
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

// A gap that is waited for in parts is the same gap.
TEST(Countdown, CutGapsSampleWithTheSameProbability) {
  constexpr uint64_t kMean = 4 * sampler::kLongestWait;
  for (uint64_t size : {uint64_t{1} << 16, sampler::kLongestWait - 1, 3 * sampler::kLongestWait}) {
    ThreadState t = {};
    t.random = 11 + size;
    sampler::DrawCountdown(&t, kMean);
    constexpr int kCalls = 200000;
    int sampled = 0, cuts = 0;
    for (int i = 0; i < kCalls; ++i) {
      if (t.Spend(size)) continue;
      cuts += t.gap_is_cut;
      sampled += sampler::EndCountdown(&t, size, kMean);
    }
    const double p = 1 - std::exp(-static_cast<double>(size + 1) / kMean);
    EXPECT_GT(cuts, 100);
    EXPECT_NEAR(sampled, kCalls * p, 4 * std::sqrt(kCalls * p * (1 - p)) + 1) << size;
  }
}

// Each call is weighed with the mean that was in force when it was made, whenever that changes.
TEST(Countdown, ChangingTheMeanBiasesNothing) {
  constexpr uint64_t kMeans[] = {4096, 8 * sampler::kLongestWait, 65536, 2 << 20};
  constexpr uint64_t kSize = 30000;
  ThreadState t = {};
  t.random = 5;
  sampler::DrawCountdown(&t, kMeans[0]);
  double estimate = 0, variance = 0;
  constexpr int kCalls = 2000000;
  for (int i = 0; i < kCalls; ++i) {
    const uint64_t mean = t.interval_bytes;
    const uint64_t wanted = kMeans[i / 5000 % std::size(kMeans)];
    if (t.Spend(kSize) || !sampler::EndCountdown(&t, kSize, wanted)) continue;
    const double p = -std::expm1(-static_cast<double>(kSize + 1) / static_cast<double>(mean));
    estimate += 1 / p;
    variance += (1 - p) / (p * p);
  }
  EXPECT_NEAR(estimate, kCalls, 4 * std::sqrt(variance));
  EXPECT_LT(std::sqrt(variance), kCalls * 0.1) << "or the test says nothing";
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

#include "analyzer/model/survival.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "analyzer/model/heap_profile.h"

namespace perfagent::test {
namespace {

// Where a bucket begins.
double At(size_t bucket) { return LeastLifetimeNs(bucket); }

TEST(Survival, WithoutCensoringIsThePartThatLivedLonger) {
  BlockAges ended;
  ended.counts[10] = 30;
  ended.counts[12] = 50;
  ended.counts[14] = 20;
  const Survival survival(ended, {});
  EXPECT_EQ(survival.AtRisk(11), 70);
  EXPECT_NEAR(survival.Of(0, At(11)), 0.7, 1e-12);
  EXPECT_NEAR(survival.Of(0, At(13)), 0.2, 1e-12);
  EXPECT_NEAR(survival.Of(At(11), At(13)), 0.2 / 0.7, 1e-12);
}

TEST(Survival, WhatIsLiveAndYoungSaysNothingOfOldAges) {
  BlockAges ended, live;
  ended.counts[20] = 50;
  live.counts[22] = 50;
  live.counts[5] = 1'000'000;
  EXPECT_NEAR(Survival(ended, live).Of(At(20), At(22)), 0.5, 1e-12);
}

TEST(Survival, NobodyAtRiskIsNoDeath) { EXPECT_EQ(Survival({}, {}).Of(0, At(kAgeBuckets)), 1); }

// Blocks made at any time of the recording, with exponential lifetimes: of those that are cut short by its end only the age
// is known. The part that ended among the old ones would be far too small.
TEST(Survival, FindsTheTruthBehindTheEndOfTheRecording) {
  constexpr double kMeanNs = 1 << 30, kRecordingNs = 2.5 * (1 << 30);
  std::mt19937_64 random(7);
  std::exponential_distribution<double> lifetime(1 / kMeanNs);
  std::uniform_real_distribution<double> begin(0, kRecordingNs);
  BlockAges ended, live;
  for (int i = 0; i < 100'000; ++i) {
    const double begin_ns = begin(random), lifetime_ns = lifetime(random);
    const bool is_live = begin_ns + lifetime_ns > kRecordingNs;
    const double age_ns = is_live ? kRecordingNs - begin_ns : lifetime_ns;
    (is_live ? live : ended).counts[LifetimeBucket(static_cast<uint64_t>(age_ns))] += 1;
  }
  const Survival survival(ended, live);
  EXPECT_NEAR(survival.Of(1 << 28, 1 << 30), std::exp(-0.75), 0.02);
  EXPECT_NEAR(survival.Of(1 << 28, 1.5 * (1 << 30)), std::exp(-1.25), 0.03);
}

}  // namespace
}  // namespace perfagent::test

#include "analyzer/model/estimate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace perfagent {
namespace {

TEST(Estimate, FullModeIsExact) {
  Tally tally;
  tally.Add(100, Weight::OfBlock(100, 0));
  tally.Add(23, Weight::OfBlock(23, 0));
  const Estimate estimate = tally.Interval();
  EXPECT_EQ(estimate.value, 123);
  EXPECT_TRUE(estimate.IsExact());
}

Tally Blocks(int count, Weight weight) {
  Tally tally;
  for (int i = 0; i < count; ++i) tally.Add(1, weight);
  return tally;
}

TEST(Estimate, NeighboursInARankingAreToldApartByTheirIntervals) {
  const Weight tenth = Weight::OfProbability(0.1);
  // 1000 +- 186 against 900 +- 176: the difference, 100, is +- 256.
  EXPECT_TRUE(MayBeLess(Blocks(100, tenth), Blocks(90, tenth)));
  EXPECT_FALSE(MayBeLess(Blocks(100, tenth), Blocks(50, tenth)));
  const Weight certain = Weight::OfProbability(1);
  EXPECT_FALSE(MayBeLess(Blocks(100, certain), Blocks(99, certain)));
  EXPECT_FALSE(MayBeLess(Blocks(100, certain), Blocks(100, certain)));
}

// Two sites of 400 blocks each, of which a tenth is sampled: whichever comes first, the other may.
TEST(Estimate, EqualsAreTakenForDifferentOnceInTwentyTimes) {
  std::mt19937_64 random(4711);
  std::binomial_distribution<int> sampled(400, 0.1);
  constexpr int kTrials = 20000;
  int told_apart = 0;
  for (int i = 0; i < kTrials; ++i) {
    const auto [less, greater] = std::minmax({sampled(random), sampled(random)});
    const Weight tenth = Weight::OfProbability(0.1);
    told_apart += !MayBeLess(Blocks(greater, tenth), Blocks(less, tenth));
  }
  EXPECT_LE(told_apart, kTrials / 20 + 3 * std::sqrt(kTrials / 20));
}

TEST(Estimate, WeightsAreThoseOfTheClosedForm) {
  // p = 1 - exp(-(size + 1) / R), by the power series' own opposite: exp itself.
  const double p = 1 - std::exp(-1024.0 / 4096);
  const Weight weight = Weight::OfBlock(1023, 4096);
  EXPECT_NEAR(weight.factor, 1 / p, 1e-12);
  EXPECT_NEAR(weight.spread, (1 - p) / (p * p), 1e-12);
}

TEST(Estimate, TinyBlocksKeepTheirPrecision) {
  // p of one byte in 2^40: 1 - exp(-x) computed plainly loses all but four digits.
  EXPECT_NEAR(Weight::OfBlock(0, uint64_t{1} << 40).factor / std::ldexp(1.0, 40), 1, 1e-9);
}

// A gap drawn with mean N and rounded down is 0, so that the next one is sampled, with probability 1 - exp(-1 / N).
TEST(Estimate, AcquisitionsWeighWhatTheirDrawSays) {
  for (const double n : {2.0, 3.0, 1000.0}) {
    const double p = 1 - std::exp(-1 / n);
    const Weight weight = Weight::OfEvery(static_cast<uint64_t>(n));
    EXPECT_NEAR(weight.factor, 1 / p, 1e-9 / p);
    EXPECT_NEAR(weight.spread, (1 - p) / (p * p), 1e-6);
  }
  EXPECT_EQ(Weight::OfEvery(1).factor, 1);
  EXPECT_EQ(Weight::OfEvery(1).spread, 0) << "every one is seen";
}

TEST(Estimate, NothingMakesInfinities) {
  EXPECT_TRUE(std::isfinite(Weight::OfAmount(0, UINT64_MAX).factor));
  EXPECT_TRUE(std::isfinite(Weight::OfBlock(UINT64_MAX, 1).factor));
  EXPECT_TRUE(std::isfinite(Weight::OfEvery(0).factor));
}

TEST(Estimate, IntervalNeverGoesBelowWhatWasSeen) {
  Tally tally;
  tally.Add(10, Weight::OfProbability(0.5));
  EXPECT_EQ(tally.Interval().low, 10);
}

TEST(Estimate, RemovingWhatWasAddedLeavesNothingSeenButOneLikeItMayBeMissed) {
  Tally tally;
  const Weight weight = Weight::OfProbability(0.3);
  tally.Add(7, weight);
  tally.Remove(7, weight);
  EXPECT_EQ(tally.Interval().value, 0);
  EXPECT_EQ(tally.Interval().low, 0);
  EXPECT_GT(tally.Interval().high, 7);
}

TEST(Estimate, NothingIsExactlyNothingWhereNothingCanBeMissed) {
  EXPECT_TRUE(Tally().Interval().IsExact());
  Tally certain;
  certain.Add(7, Weight());
  certain.Remove(7, Weight());
  EXPECT_TRUE(certain.Interval().IsExact());
}

// The number of blocks that are all missed with a probability of 2.5 %, when each is with 1 - p.
TEST(Estimate, WhereNothingWasSeenTheUpperEndIsWhatIsMissedOnceInForty) {
  const Weight weight = Weight::OfBlock(63, 4096);
  Tally whole;
  for (int i = 0; i < 100; ++i) whole.Add(1, weight);
  Tally part;
  part.MayMissSomeOf(whole);
  const Estimate estimate = part.Interval();
  EXPECT_EQ(estimate.value, 0);
  EXPECT_EQ(estimate.low, 0);
  EXPECT_NEAR(std::pow(std::exp(-64.0 / 4096), estimate.high), 0.025, 1e-4);
}

TEST(Estimate, WhatMayBeMissedWidensWhatIsCertain) {
  Tally tally;
  tally.Add(100, Weight());
  tally.MayMiss(10);
  EXPECT_EQ(tally.Interval().low, 100);
  EXPECT_EQ(tally.Interval().value, 100);
  EXPECT_NEAR(tally.Interval().high, 136.9, 0.1);
}

// ---- exact intervals of a Poisson count (Garwood, 1936), by summation ---------------------------

double PoissonAtMost(int count, double mean) {
  double term = std::exp(-mean);
  double sum = term;
  for (int i = 1; i <= count; ++i) sum += term *= mean / i;
  return sum;
}
// The mean for which at most `count` events happen with this probability.
double MeanWith(int count, double probability) {
  double low = 0;
  double high = 1000;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (PoissonAtMost(count, middle) > probability ? low : high) = middle;
  }
  return low;
}

TEST(Estimate, IntervalOfEqualRareItemsIsThatOfAPoissonCount) {
  Tally tally;
  for (int count = 1; count <= 200; ++count) {
    tally.Add(1, Weight::OfEvery(1'000'000));
    const Estimate estimate = tally.Interval();
    const double low = MeanWith(count - 1, 0.975);
    const double high = MeanWith(count, 0.025);
    EXPECT_NEAR(estimate.low / 1e6, low, 0.005 * low + 0.03) << count;
    EXPECT_NEAR(estimate.high / 1e6, high, 0.005 * high) << count;
  }
}

// ---- Student's distribution, by integrating its density (Simpson) --------------------------------

double StudentProbability(double t, double degrees) {  // of -t to t
  const double factor = std::exp(std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2)) /
                        std::sqrt(degrees * M_PI);
  constexpr int kSteps = 20000;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double x = t * i / kSteps;
    const double weight = i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2;
    sum += weight * std::pow(1 + x * x / degrees, -(degrees + 1) / 2);
  }
  return 2 * factor * sum * t / kSteps / 3;
}

TEST(Estimate, StudentQuantileHoldsNinetyFivePercent) {
  for (const double degrees :
       {1.0, 1.3, 1.7, 2.0, 2.4, 2.9, 3.0, 3.1, 4.0, 5.5, 9.0, 30.0, 500.0}) {
    EXPECT_NEAR(StudentProbability(StudentQuantile95(degrees), degrees), 0.95, 0.001) << degrees;
  }
  EXPECT_EQ(StudentQuantile95(0.2), StudentQuantile95(1)) << "not defined";
  EXPECT_NEAR(StudentQuantile95(1e9), kZ95, 1e-6);
}

// The agent's sampler, written out anew: a countdown with exponential draws.
class Sampler {
 public:
  Sampler(double interval, uint64_t seed) : interval_(interval), random_(seed) { Draw(); }
  bool Samples(double amount) {
    left_ -= amount;
    if (left_ > 0) return false;
    Draw();
    return true;
  }

 private:
  void Draw() { left_ = -interval_ * std::log1p(-uniform_(random_)); }

  double interval_;
  double left_ = 0;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_{0, 1};
};

struct Coverage {
  double mean_bytes = 0;  // over the truth
  double mean_count = 0;
  double bytes = 0;  // share of the runs that saw anything whose interval held the truth
  double count = 0;
};

Coverage Simulate(const std::vector<uint64_t>& sizes, uint64_t interval, int runs) {
  double truth_bytes = 0;
  for (const uint64_t size : sizes) truth_bytes += static_cast<double>(size);
  const double truth_count = static_cast<double>(sizes.size());
  Coverage coverage;
  int informed = 0;
  for (int run = 0; run < runs; ++run) {
    Sampler sampler(static_cast<double>(interval), static_cast<uint64_t>(run) + 100);
    Tally bytes;
    Tally count;
    for (const uint64_t size : sizes) {
      if (!sampler.Samples(static_cast<double>(size) + 1)) continue;
      const Weight weight = Weight::OfBlock(size, interval);
      bytes.Add(static_cast<double>(size), weight);
      count.Add(1, weight);
    }
    const Estimate b = bytes.Interval();
    const Estimate c = count.Interval();
    coverage.mean_bytes += b.value / truth_bytes / runs;
    coverage.mean_count += c.value / truth_count / runs;
    if (count.seen() == 0) continue;
    ++informed;
    coverage.bytes += b.low <= truth_bytes && truth_bytes <= b.high;
    coverage.count += c.low <= truth_count && truth_count <= c.high;
  }
  coverage.bytes /= informed;
  coverage.count /= informed;
  return coverage;
}

TEST(Estimate, SimulatedSamplerIsUnbiasedAndItsIntervalHoldsTheTruth) {
  std::vector<uint64_t> sizes;
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; ++i) sizes.push_back(uint64_t{64} << random() % 8);
  const Coverage coverage = Simulate(sizes, 4096, 2000);
  EXPECT_NEAR(coverage.mean_bytes, 1, 0.005);
  EXPECT_NEAR(coverage.mean_count, 1, 0.01);
  EXPECT_NEAR(coverage.bytes, 0.955, 0.02);
  EXPECT_NEAR(coverage.count, 0.955, 0.02);
}

TEST(Estimate, IntervalOfAFewSamplesHoldsTheTruth) {
  const std::vector<uint64_t> sizes(252, 64);  // four samples are expected
  const Coverage coverage = Simulate(sizes, 4096, 4000);
  EXPECT_NEAR(coverage.mean_bytes, 1, 0.03);
  EXPECT_GT(coverage.bytes, 0.945);
  EXPECT_GT(coverage.count, 0.945);
}

// Most blocks are of the sizes that are seen least.
TEST(Estimate, IntervalOfACountHoldsTheTruthWhereSizesDiffer) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> octaves(0, 8);
  std::vector<uint64_t> sizes;
  uint64_t bytes = 0;
  for (int i = 0; i < 3000; ++i) {
    sizes.push_back(static_cast<uint64_t>(32 * std::exp2(octaves(random))));
    bytes += sizes.back();
  }
  for (const uint64_t samples : {15, 30, 100}) {
    const Coverage coverage = Simulate(sizes, bytes / samples, 2000);
    EXPECT_NEAR(coverage.count, 0.96, 0.03) << samples;
    EXPECT_NEAR(coverage.bytes, 0.96, 0.02) << samples;
  }
}

}  // namespace
}  // namespace perfagent

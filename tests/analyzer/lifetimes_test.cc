#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "analyzer/model/heap_profile.h"

namespace perfagent {
namespace {

constexpr uint64_t kRanNs = 1'000'000'000;

TEST(Lifetimes, OfBlocksThatAreAllSeenAreExact) {
  Lifetimes lifetimes;
  lifetimes.Add(100, Weight());
  lifetimes.Add(300, Weight());
  EXPECT_EQ(lifetimes.Mean(kRanNs).value, 200);
  EXPECT_TRUE(lifetimes.Mean(kRanNs).IsExact());
}

TEST(Lifetimes, OneSampledBlockSaysNothingOfTheOthers) {
  Lifetimes lifetimes;
  lifetimes.Add(100, Weight::OfBlock(63, 4096));
  for (const Estimate& estimate : {lifetimes.Mean(kRanNs), lifetimes.Median(kRanNs)}) {
    EXPECT_EQ(estimate.low, 0);
    EXPECT_EQ(estimate.high, kRanNs);
  }
  EXPECT_EQ(lifetimes.Mean(kRanNs).value, 100);
}

TEST(Lifetimes, NoneIsLongerThanTheProcessRan) {
  Lifetimes lifetimes;
  lifetimes.Add(10, Weight::OfBlock(63, 4096));
  lifetimes.Add(900, Weight::OfBlock(63, 4096));
  EXPECT_EQ(lifetimes.Mean(1000).high, 1000);
  EXPECT_EQ(lifetimes.Mean(0).high, 900) << "a clock that was set back";
}

TEST(Lifetimes, ThatAreAllTheSameHaveNoErrorAndNoInfinity) {
  Lifetimes lifetimes;
  for (int i = 0; i < 10; ++i) lifetimes.Add(12'345, Weight::OfBlock(63, 4096));
  const Estimate mean = lifetimes.Mean(kRanNs);
  EXPECT_NEAR(mean.low, 12'345, 0.01);
  EXPECT_NEAR(mean.high, 12'345, 0.01);
  Lifetimes none;
  for (int i = 0; i < 10; ++i) none.Add(0, Weight::OfBlock(63, 4096));
  EXPECT_TRUE(std::isfinite(none.Mean(kRanNs).high));
}

TEST(Lifetimes, WhoseEndsMayBeMissedMayBeLonger) {
  Lifetimes lifetimes;
  for (int i = 0; i < 1000; ++i) lifetimes.Add(10'000, Weight());
  lifetimes.Add(100'000, Weight());
  lifetimes.MayMissEndOf(Weight::OfProbability(0.01));
  const Estimate mean = lifetimes.Mean(kRanNs);
  EXPECT_NEAR(mean.low, mean.value, 1);
  EXPECT_GT(mean.high, mean.value + 100) << "by 100 blocks that are longer than most";
}

// Blocks, each of which is seen with its own probability.
struct Population {
  std::vector<uint64_t> sizes;
  std::vector<uint64_t> lifetimes;

  double Mean() const {
    double sum = 0;
    for (const uint64_t lifetime : lifetimes) sum += static_cast<double>(lifetime);
    return sum / static_cast<double>(lifetimes.size());
  }
};

Population Draw(int blocks, const std::function<double(std::mt19937_64*)>& lifetime) {
  std::mt19937_64 random(11);
  Population population;
  for (int i = 0; i < blocks; ++i) {
    population.sizes.push_back(16 + random() % 113);
    population.lifetimes.push_back(static_cast<uint64_t>(1e4 * lifetime(&random)));
  }
  return population;
}

// The share of the runs that saw anything whose interval holds the mean.
double Coverage(const Population& population, double samples) {
  double charged = 0;
  for (const uint64_t size : population.sizes) charged += static_cast<double>(size) + 1;
  const auto interval = static_cast<uint64_t>(charged / samples);
  const double mean = population.Mean();
  int informed = 0;
  int holding = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(0, 1);
    Lifetimes lifetimes;
    for (size_t i = 0; i < population.sizes.size(); ++i) {
      const double charge = static_cast<double>(population.sizes[i]) + 1;
      if (uniform(random) >= 1 - std::exp(-charge / static_cast<double>(interval))) continue;
      lifetimes.Add(population.lifetimes[i], Weight::OfBlock(population.sizes[i], interval));
    }
    if (lifetimes.IsEmpty()) continue;
    ++informed;
    const Estimate estimate = lifetimes.Mean(kRanNs);
    holding += estimate.low <= mean && mean <= estimate.high;
  }
  return static_cast<double>(holding) / informed;
}

TEST(Lifetimes, IntervalHoldsTheMeanOfExponentialOnes) {
  const Population population = Draw(1000, [](std::mt19937_64* random) {
    return std::exponential_distribution<double>(1)(*random);
  });
  for (const double samples : {4, 8, 15, 50, 200}) {
    EXPECT_NEAR(Coverage(population, samples), 0.96, 0.025) << samples;
  }
}

TEST(Lifetimes, IntervalHoldsTheMeanOfOnesWithALongTail) {
  const Population population = Draw(1000, [](std::mt19937_64* random) {
    return std::lognormal_distribution<double>(0, 1)(*random);
  });
  for (const double samples : {4, 8, 15, 50, 200}) {
    EXPECT_NEAR(Coverage(population, samples), 0.95, 0.03) << samples;
  }
}

}  // namespace
}  // namespace perfagent

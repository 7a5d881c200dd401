// Is what is called more than chance more than chance? Against tables, and against simulated programs whose truth is known.
#include "analyzer/compare/significance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <random>
#include <vector>

#include "analyzer/compare/side_builder.h"
#include "tests/support/figures.h"

namespace perfagent::test {
namespace {

TEST(StudentTail, IsThatOfTheTables) {
  // Two-sided: quantiles of any textbook.
  EXPECT_NEAR(StudentTail(12.7062, 1), 0.05, 1e-6);
  EXPECT_NEAR(StudentTail(-63.6567, 1), 0.01, 1e-6);
  EXPECT_NEAR(StudentTail(4.30265, 2), 0.05, 1e-6);
  EXPECT_NEAR(StudentTail(2.22814, 10), 0.05, 1e-6);
  EXPECT_NEAR(StudentTail(4.58689, 10), 0.001, 1e-6);
  EXPECT_NEAR(StudentTail(1.95996, 1e9), 0.05, 1e-6);
  EXPECT_NEAR(StudentTail(1.98397, 100), 0.05, 1e-6);
  EXPECT_EQ(StudentTail(0, 3), 1);
}

TEST(StudentTail, IsExactFarOutWithTwoDegreesOfFreedom) {
  for (const double t : {0.1, 1.0, 30.0, 1000.0}) {
    const double exact = 1 - t / std::sqrt(2 + t * t);
    EXPECT_NEAR(StudentTail(t, 2) / exact, 1, 1e-6) << t;
  }
}

TEST(Holm, IsWhatRsPAdjustSays) {
  EXPECT_EQ(HolmAdjusted({}).size(), 0u);
  const std::vector<double> p = {0.01, 0.04, 0.03, 0.005};
  const std::vector<double> expected = {0.03, 0.06, 0.06, 0.02};
  const std::vector<double> adjusted = HolmAdjusted(p);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-12);
  EXPECT_EQ(HolmAdjusted(std::vector<double>{0.9, 0.8}), (std::vector<double>{1, 1}));
}

TEST(Difference, OfExactFiguresIsAFact) {
  const Difference same = Compare(ExactFigure(10), 1, ExactFigure(10), 1);
  EXPECT_TRUE(same.is_certain);
  EXPECT_EQ(same.p, 1);
  const Difference one_more = Compare(ExactFigure(10), 3, ExactFigure(11), 2);
  EXPECT_TRUE(one_more.is_certain);
  EXPECT_TRUE(one_more.change.IsExact());
  EXPECT_EQ(one_more.change.value, 1);
}

// Welch's and Student's tests agree with sides of one size. base 10, 12, 14; new 20, 22, 24: t = 10 / sqrt(8 / 3),
// four degrees of freedom; R: t.test(var.equal = TRUE) says p = 0.003599, 95 % of 5.467 to 14.533.
TEST(Difference, OfExactRunsIsStudentsTest) {
  const Difference difference = Compare(ExactFigure(12, 4), 3, ExactFigure(22, 4), 3);
  EXPECT_FALSE(difference.is_certain);
  const double t = 10 / std::sqrt(8.0 / 3);
  // Of four degrees of freedom the tail has a closed form (Abramowitz and Stegun, 26.7.4).
  const double x = t / std::sqrt(4 + t * t);
  EXPECT_NEAR(difference.p, 1 - x * (1 + (1 - x * x) / 2), 1e-9);
  EXPECT_NEAR(difference.change.high - 10, 2.776445 * std::sqrt(8.0 / 3), 0.05);
  EXPECT_NEAR(10 - difference.change.low, 2.776445 * std::sqrt(8.0 / 3), 0.05);
}

// Ten samples of one kind here and none there: by the binomial test of 10 of 10, p = 0.00195.
TEST(Difference, OfFewSamplesIsNearTheBinomialTest) {
  const auto samples = [](int count) {
    Tally tally;
    for (int i = 0; i < count; ++i) tally.Add(1, Weight::OfBlock(100, 100000));
    tally.MayMiss(std::sqrt(Weight::OfBlock(100, 100000).spread));
    return Figure{tally.Interval()};
  };
  const auto p = [&](int base, int now) { return Compare(samples(base), 1, samples(now), 1).p; };
  EXPECT_NEAR(p(0, 10), 0.00195, 0.0008);
  EXPECT_NEAR(p(10, 0), 0.00195, 0.0008);
  EXPECT_NEAR(p(30, 60), 0.0021, 0.0008);
  EXPECT_GT(p(0, 4), 0.05);
  EXPECT_EQ(p(7, 7), 1);
}

// ---- simulations ------------------------------------------------------------------------------------------------

struct Site {
  double samples;  // expected, of the sampled cases
  double size;
};

constexpr double kBlocksIfExact = 1000;

double BlocksOf(const Site& site, uint64_t interval) {
  if (interval == 0) return kBlocksIfExact;
  return site.samples * Weight::OfBlock(static_cast<uint64_t>(site.size), interval).factor;
}

// One run's tally of a site that made so many blocks: each is seen with its probability.
Tally See(int blocks, double size, uint64_t interval, std::mt19937_64* random) {
  Tally tally;
  if (interval == 0) {
    tally.AddCertain(blocks);
    return tally;
  }
  const Weight weight = Weight::OfBlock(static_cast<uint64_t>(size), interval);
  std::binomial_distribution<int> seen(blocks, 1 / weight.factor);
  for (int i = seen(*random); i > 0; --i) tally.Add(1, weight);
  tally.MayMiss(std::sqrt(weight.spread));
  return tally;
}

// What a program's sites come to in `runs` runs; `scatter` is the standard deviation, relative to its mean, of how many
// blocks a run has.
std::vector<Figure> Simulate(const std::vector<Site>& sites, size_t runs, uint64_t interval,
                             double scatter, double factor, std::mt19937_64* random) {
  std::vector<Figure> figures;
  for (const Site& site : sites) {
    const double blocks = BlocksOf(site, interval);
    std::normal_distribution<double> of_run(factor * blocks, scatter * blocks);
    MetricSum sum;
    for (size_t run = 0; run < runs; ++run) {
      const int made = std::max(0, static_cast<int>(std::lround(of_run(*random))));
      sum.Add(run, See(made, site.size, interval, random));
    }
    figures.push_back(sum.Mean(runs));
  }
  return figures;
}

struct Case {
  const char* name;
  size_t base_runs, now_runs;
  uint64_t interval;
  double scatter;
};

std::ostream& operator<<(std::ostream& out, const Case& simulated) { return out << simulated.name; }

class Simulated : public testing::TestWithParam<Case> {
 protected:
  static std::vector<Site> Sites() {
    std::vector<Site> sites;
    for (const double samples : {1.0, 3.0, 10.0, 30.0, 100.0, 200.0}) {
      for (const double size : {16.0, 1000.0, 20000.0}) sites.push_back({samples, size});
    }
    return sites;
  }

  struct Counts {
    int comparisons_with_names = 0;
    int figures_named = 0;
    int intervals = 0;
    int intervals_that_hold = 0;
  };

  Counts Count(int comparisons, double factor) {
    const Case& c = GetParam();
    std::mt19937_64 random(20270131);
    const std::vector<Site> sites = Sites();
    Counts counts;
    for (int i = 0; i < comparisons; ++i) {
      const auto base = Simulate(sites, c.base_runs, c.interval, c.scatter, 1, &random);
      const auto now = Simulate(sites, c.now_runs, c.interval, c.scatter, factor, &random);
      std::vector<double> p;
      for (size_t s = 0; s < sites.size(); ++s) {
        const Difference difference = Compare(base[s], c.base_runs, now[s], c.now_runs);
        p.push_back(difference.p);
        const double truth = (factor - 1) * BlocksOf(sites[s], c.interval);
        ++counts.intervals;
        counts.intervals_that_hold +=
            difference.change.low <= truth && truth <= difference.change.high;
      }
      int named = 0;
      for (const double adjusted : HolmAdjusted(p)) named += adjusted < kSignificanceLevel;
      counts.figures_named += named;
      counts.comparisons_with_names += named > 0;
    }
    return counts;
  }
};

// Of 400 comparisons of a program with itself 5 % may name something; 34 and more are found once in a thousand times if
// it is truly 5 %.
TEST_P(Simulated, NamesNothingWhereNothingChanged) {
  const Counts counts = Count(400, 1);
  printf("%s: %d of 400 comparisons name something\n", GetParam().name,
         counts.comparisons_with_names);
  EXPECT_LE(counts.comparisons_with_names, 33);
}

TEST_P(Simulated, IntervalsHoldTheTruth) {
  for (const double factor : {1.0, 1.5}) {
    const Counts counts = Count(100, factor);
    EXPECT_GT(counts.intervals_that_hold, 0.93 * counts.intervals) << factor;
  }
}

TEST_P(Simulated, NamesWhatHasDoubled) {
  const Counts counts = Count(50, 2);
  EXPECT_GE(counts.comparisons_with_names, 48);
}

INSTANTIATE_TEST_SUITE_P(Cases, Simulated,
                         testing::Values(Case{"sampled", 1, 1, 262144, 0},
                                         Case{"sampled_runs", 5, 5, 262144, 0},
                                         Case{"sampled_scattered_runs", 5, 5, 262144, 0.1},
                                         Case{"exact_scattered_runs", 4, 4, 0, 0.1},
                                         Case{"uneven_runs", 3, 8, 65536, 0.05}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace perfagent::test

#include "analyzer/compare/runs.h"

#include <gtest/gtest.h>

#include "analyzer/compare/side_builder.h"

namespace perfagent::test {
namespace {

using Runs = std::vector<size_t>;

TEST(Runs, UnrelatedProcessesAreRunsOfTheirOwn) {
  EXPECT_EQ(RunsOf(std::vector<ProcessOrigin>{{"h", "app", 10, 1, 100, 200},
                                              {"h", "app", 20, 1, 100, 200}}),
            (Runs{0, 1}));
}

TEST(Runs, ChildrenBelongToTheirParentInAnyOrder) {
  EXPECT_EQ(RunsOf(std::vector<ProcessOrigin>{{"h", "app", 12, 11, 130, 140},
                                              {"h", "app", 11, 10, 120, 150},
                                              {"h", "app", 10, 1, 100, 200}}),
            (Runs{0, 0, 0}));
}

TEST(Runs, APidThatCameAgainIsNoParentOfEarlierChildren) {
  // 10 ran twice, and each time its child was 11.
  EXPECT_EQ(RunsOf(std::vector<ProcessOrigin>{{"h", "app", 10, 1, 100, 200},
                                              {"h", "app", 11, 10, 110, 190},
                                              {"h", "app", 10, 1, 300, 400},
                                              {"h", "app", 11, 10, 310, 390}}),
            (Runs{0, 0, 1, 1}));
  EXPECT_EQ(RunsOf(std::vector<ProcessOrigin>{{"h", "app", 10, 1, 100, 200},
                                              {"h", "app", 11, 10, 201, 300}}),
            (Runs{0, 1}))
      << "its parent had ended";
  EXPECT_EQ(RunsOf(std::vector<ProcessOrigin>{{"h1", "app", 10, 1, 100, 200},
                                              {"h2", "app", 11, 10, 110, 120}}),
            (Runs{0, 1}))
      << "another host's pid";
}

TEST(Runs, ExecGoesOnWithTheRunAndAContainersNextRunDoesNot) {
  EXPECT_EQ(
      RunsOf(std::vector<ProcessOrigin>{{"h", "env", 10, 1, 100}, {"h", "app", 10, 1, 101, 200}}),
      (Runs{0, 0}));
  EXPECT_EQ(RunsOf(std::vector<ProcessOrigin>{{"h", "app", 1, 0, 100}, {"h", "app", 1, 0, 300}}),
            (Runs{0, 1}))
      << "killed, and started again";
  EXPECT_EQ(RunsOf(std::vector<ProcessOrigin>{{"h", "sh", 10, 1, 100, 150},
                                              {"h", "app", 10, 1, 200, 300}}),
            (Runs{0, 1}))
      << "it had exited: a pid that came again";
}

// ---- sums over runs -------------------------------------------------------------------------------------------------

Tally Exactly(double value) {
  Tally tally;
  tally.AddCertain(value);
  return tally;
}

TEST(MetricSum, IsTheMeanOfRunsAndTheirVariance) {
  MetricSum sum;
  // Runs of 10, 16 (by two processes) and 22, and two without.
  sum.Add(0, Exactly(10));
  sum.Add(1, Exactly(9));
  sum.Add(1, Exactly(7));
  sum.Add(4, Exactly(22));
  const Figure figure = sum.Mean(5);
  EXPECT_DOUBLE_EQ(figure.mean.value, 48.0 / 5);
  EXPECT_TRUE(figure.mean.IsExact());
  double squares = 0;
  for (const double value : {10.0, 16.0, 0.0, 0.0, 22.0}) squares += (value - 9.6) * (value - 9.6);
  EXPECT_NEAR(figure.run_variance, squares / 4, 1e-9);
}

TEST(MetricSum, RunsThatAgreeHaveNoVarianceAtAll) {
  MetricSum sum;
  for (size_t run = 0; run < 7; ++run) sum.Add(run, 1234567890123, 0, 0);
  EXPECT_EQ(sum.Mean(7).run_variance, 0);
  EXPECT_EQ(sum.Mean(7).mean.value, 1234567890123);
}

TEST(MetricSum, DoubtIsInTheInterval) {
  MetricSum sum;
  sum.Add(0, 100, 30, 50);
  sum.Add(1, 100, 0, 0);
  const Figure figure = sum.Mean(2);
  EXPECT_EQ(figure.mean.low, 85);
  EXPECT_EQ(figure.mean.value, 100);
  EXPECT_EQ(figure.mean.high, 125);
}

}  // namespace
}  // namespace perfagent::test

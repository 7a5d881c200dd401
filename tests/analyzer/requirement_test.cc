#include "analyzer/gate/requirement.h"

#include <gtest/gtest.h>

#include "tests/support/figures.h"

namespace perfagent::test {
namespace {

std::string ErrorOf(const std::string& text) {
  std::string error;
  return ParseRequirement(text, &error) ? "" : error;
}

Requirement Parsed(const std::string& text) {
  std::string error;
  std::optional<Requirement> requirement = ParseRequirement(text, &error);
  if (!requirement) throw std::runtime_error(error);
  return *std::move(requirement);
}

TEST(Requirement, HasUnits) {
  EXPECT_EQ(Parsed("leaked_bytes<1MiB").limit, 1048576);
  EXPECT_EQ(Parsed("bytes <= 1.5 KiB").limit, 1536);
  EXPECT_EQ(Parsed("peak_bytes<2GiB").limit, 2147483648);
  EXPECT_EQ(Parsed("bytes>7B").limit, 7);
  EXPECT_EQ(Parsed("wait_ns<2s").limit, 2e9);
  EXPECT_EQ(Parsed("wait_ns<2ms").limit, 2e6);
  EXPECT_EQ(Parsed("wait_ns<2us").limit, 2e3);
  EXPECT_EQ(Parsed("wait_ns<2ns").limit, 2);
  EXPECT_EQ(Parsed("contended==0").limit, 0);
  EXPECT_EQ(Parsed("temporary<5%").limit, 0.05);
  EXPECT_TRUE(Parsed("temporary<5%").is_share);
}

TEST(Requirement, HasEveryComparator) {
  EXPECT_EQ(Parsed("bytes<1").comparator, Comparator::kLess);
  EXPECT_EQ(Parsed("bytes<=1").comparator, Comparator::kLessOrEqual);
  EXPECT_EQ(Parsed("bytes>1").comparator, Comparator::kGreater);
  EXPECT_EQ(Parsed("bytes>=1").comparator, Comparator::kGreaterOrEqual);
  EXPECT_EQ(Parsed(" bytes == 1 ").comparator, Comparator::kEqual);
}

TEST(Requirement, SelectorMayHaveBracketsOfItsOwn) {
  const Requirement requirement = Parsed("wait_ns[name~^[a-c]ache$]<2s");
  EXPECT_TRUE(requirement.selector->Matches("bache"));
  EXPECT_FALSE(requirement.selector->Matches("dache"));
}

TEST(Requirement, ErrorsNameTheExpressionThePositionAndWhatWasExpected) {
  EXPECT_EQ(
      ErrorOf("leaked_bytes<1MB"),
      "'leaked_bytes<1MB': position 15: expected B, KiB, MiB, GiB, TiB, % or nothing, got 'MB'");
  EXPECT_EQ(ErrorOf("wait_ns<1MiB"),
            "'wait_ns<1MiB': position 10: expected ns, us, ms, s, % or nothing, got 'MiB'");
  EXPECT_EQ(ErrorOf("allocations<1s"),
            "'allocations<1s': position 14: expected % or nothing, got 's'");
  EXPECT_EQ(ErrorOf("bytes<"), "'bytes<': position 7: expected a number, got the end");
  EXPECT_EQ(ErrorOf("bytes"), "'bytes': position 6: expected [, <, <=, >, >= or ==, got the end");
  EXPECT_EQ(ErrorOf("bytes=1"), "'bytes=1': position 6: expected [, <, <=, >, >= or ==, got '=1'");
  EXPECT_EQ(
      ErrorOf("bytes[name~x]<1"),
      "'bytes[name~x]<1': position 7: expected function~REGEX] behind bytes, got 'name~x]<1'");
  EXPECT_EQ(
      ErrorOf("bytes[function~x<1"),
      "'bytes[function~x<1': position 19: expected ] at the end of the selector, got the end");
  EXPECT_EQ(ErrorOf("bytes<1 2"),
            "'bytes<1 2': position 9: expected B, KiB, MiB, GiB, TiB, % or nothing, got '2'");
  EXPECT_EQ(ErrorOf("bytes<1B 2"), "'bytes<1B 2': position 10: expected the end, got '2'");
  EXPECT_NE(ErrorOf("").find("position 1: expected a metric (allocations, "), std::string::npos);
  EXPECT_NE(ErrorOf("bytes[function~(]<1").find("position 16: expected a regular expression"),
            std::string::npos);
  EXPECT_NE(ErrorOf("bytes<5%").find("position 8: expected no %"), std::string::npos);
  EXPECT_EQ(ErrorOf("bytes<-5"), "'bytes<-5': position 7: expected a number, got '-5'");
}

TEST(Requirement, EstimateFailsOnlyWhereAllOfItIsBeyond) {
  const Estimate estimate{10, 8, 13};
  const auto outcome = [&](Comparator comparator, double limit) {
    return JudgeEstimate(estimate, comparator, limit);
  };
  EXPECT_EQ(outcome(Comparator::kLess, 14), Outcome::kHolds);
  EXPECT_EQ(outcome(Comparator::kLess, 13), Outcome::kUndecided);
  EXPECT_EQ(outcome(Comparator::kLess, 9), Outcome::kUndecided);
  EXPECT_EQ(outcome(Comparator::kLess, 8), Outcome::kFails);
  EXPECT_EQ(outcome(Comparator::kLessOrEqual, 13), Outcome::kHolds);
  EXPECT_EQ(outcome(Comparator::kLessOrEqual, 8), Outcome::kUndecided);
  EXPECT_EQ(outcome(Comparator::kLessOrEqual, 7), Outcome::kFails);
  EXPECT_EQ(outcome(Comparator::kGreater, 7), Outcome::kHolds);
  EXPECT_EQ(outcome(Comparator::kGreater, 8), Outcome::kUndecided);
  EXPECT_EQ(outcome(Comparator::kGreater, 13), Outcome::kFails);
  EXPECT_EQ(outcome(Comparator::kGreaterOrEqual, 8), Outcome::kHolds);
  EXPECT_EQ(outcome(Comparator::kGreaterOrEqual, 13), Outcome::kUndecided);
  EXPECT_EQ(outcome(Comparator::kGreaterOrEqual, 14), Outcome::kFails);
  EXPECT_EQ(outcome(Comparator::kEqual, 10), Outcome::kUndecided);
  EXPECT_EQ(outcome(Comparator::kEqual, 7), Outcome::kFails);
  EXPECT_EQ(JudgeEstimate(Estimate::Exact(7), Comparator::kEqual, 7), Outcome::kHolds);
}

TEST(Requirement, SelectorAddsUpWhatItFinds) {
  const Side side =
      SideOf({SiteOf({{"Parse", 1}, {"main", 9}}, 100), SiteOf({{"ParseLine", 2}, {"main", 9}}, 20),
              SiteOf({{"Log", 3}, {"main", 9}}, 80), LockOf("Parse_mutex", 50)});
  const auto outcome = [&](const char* text) { return Judge(Parsed(text), side).outcome; };
  EXPECT_EQ(outcome("allocations[function~^Parse]==120"), Outcome::kHolds);
  EXPECT_EQ(outcome("allocations[function~main]==200"), Outcome::kHolds);
  EXPECT_EQ(outcome("allocations==200"), Outcome::kHolds);
  EXPECT_EQ(outcome("allocations[function~^Parse]<60%"), Outcome::kFails);
  EXPECT_EQ(outcome("allocations[function~^Parse]<=60%"), Outcome::kHolds);
  EXPECT_EQ(outcome("wait_ns[name~Parse]==50"), Outcome::kHolds);
  const Judgement nothing = Judge(Parsed("allocations[function~Nobody]<1"), side);
  EXPECT_EQ(nothing.outcome, Outcome::kHolds);
  EXPECT_NE(nothing.text.find("nothing has such a name"), std::string::npos) << nothing.text;
}

TEST(Requirement, SharesAreOfTheWhole) {
  Side side = SideOf({});
  side.total[Metric::kAllocations] = {{100, 90, 110}};
  side.total[Metric::kTemporary] = {{10, 8, 12}};
  const auto outcome = [&](const char* text) { return Judge(Parsed(text), side).outcome; };
  EXPECT_EQ(outcome("temporary<7%"), Outcome::kFails) << "8 of 110 are 7.3 %";
  EXPECT_EQ(outcome("temporary<8%"), Outcome::kUndecided);
  EXPECT_EQ(outcome("temporary<13%"), Outcome::kUndecided) << "12 of 90 are 13.3 %";
  EXPECT_EQ(outcome("temporary<14%"), Outcome::kHolds);
  EXPECT_NE(
      Judge(Parsed("temporary<7%"), side).text.find("10.0 % (7.3 % to 13.3 %) of allocations"),
      std::string::npos);
}

// A mean of 10 with a deviation of 2 between four runs: 10 +- 3.18 * 2 / sqrt(4).
TEST(Requirement, OfSeveralRunsTheirDifferencesCount) {
  Side side = SideOf({});
  side.runs = 4;
  side.total[Metric::kContended] = ExactFigure(10, 4);
  const auto outcome = [&](const char* text) { return Judge(Parsed(text), side).outcome; };
  EXPECT_EQ(outcome("contended<13.1"), Outcome::kUndecided);
  EXPECT_EQ(outcome("contended<13.3"), Outcome::kHolds);
  EXPECT_EQ(outcome("contended<6.9"), Outcome::kUndecided);
  EXPECT_EQ(outcome("contended<6.7"), Outcome::kFails);
}

TEST(Requirement, WhatWasNotRecordedDoesNotPass) {
  Side side = SideOf({});
  side.has_heap = false;
  EXPECT_EQ(Judge(Parsed("leaked_bytes<1MiB"), side).outcome, Outcome::kFails);
  EXPECT_EQ(Judge(Parsed("contended<1"), side).outcome, Outcome::kHolds);
}

}  // namespace
}  // namespace perfagent::test

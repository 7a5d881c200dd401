#include "analyzer/compare/match.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "analyzer/compare/comparison.h"
#include "analyzer/compare/thing_names.h"
#include "tests/support/figures.h"

namespace perfagent::test {
namespace {

double Allocations(const std::optional<Thing>& thing) {
  return thing ? thing->figures[Metric::kAllocations].mean.value : -1;
}

// What matched what, by allocations: base, new.
using Pairs = std::vector<std::pair<double, double>>;
Pairs MatchedAllocations(Side base, Side now) {
  Pairs pairs;
  for (const Match& match : MatchThings(&base, &now)) {
    pairs.emplace_back(Allocations(match.base), Allocations(match.now));
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

TEST(Match, LinesThatShiftedAreTheSamePlace) {
  EXPECT_EQ(MatchedAllocations(SideOf({SiteOf({{"Grow", 15}, {"main", 39}}, 10)}, "old"),
                               SideOf({SiteOf({{"Grow", 18}, {"main", 45}}, 7)}, "new")),
            (Pairs{{10, 7}}));
}

TEST(Match, OtherCallersAndOtherCallsAreOtherSites) {
  Thing calloc = SiteOf({{"Grow", 15}, {"main", 39}}, 7);
  calloc.kind = "calloc";
  const Side now = SideOf({SiteOf({{"Grow", 15}, {"Other", 3}, {"main", 39}}, 8), calloc}, "new");
  EXPECT_EQ(MatchedAllocations(SideOf({SiteOf({{"Grow", 15}, {"main", 39}}, 10)}, "old"), now),
            (Pairs{{-1, 7}, {-1, 8}, {10, -1}}));
}

TEST(Match, TwoLinesOfOneFunctionThatShiftedKeepTheirOrder) {
  EXPECT_EQ(MatchedAllocations(SideOf({SiteOf({{"F", 10}}, 1), SiteOf({{"F", 20}}, 2)}, "old"),
                               SideOf({SiteOf({{"F", 23}}, 4), SiteOf({{"F", 13}}, 3)}, "new")),
            (Pairs{{1, 3}, {2, 4}}));
}

TEST(Match, LinesThatNothingTellsApartBecomeOne) {
  EXPECT_EQ(
      MatchedAllocations(
          SideOf({SiteOf({{"F", 10}}, 1), SiteOf({{"F", 20}}, 2)}, "old"),
          SideOf({SiteOf({{"F", 11}}, 3), SiteOf({{"F", 15}}, 4), SiteOf({{"F", 21}}, 5)}, "new")),
      (Pairs{{3, 12}}));
}

// Of the lines of one function sampling sees these or those: they must not be taken for shifted ones.
TEST(Match, SampledLinesOfOneBuildMatchByTheirNumber) {
  Side base = SideOf({SiteOf({{"F", 10}}, 1), SiteOf({{"F", 20}}, 2)});
  Side now = SideOf({SiteOf({{"F", 20}}, 3), SiteOf({{"F", 30}}, 4)});
  base.widest_interval_bytes = now.widest_interval_bytes = 65536;
  EXPECT_EQ(MatchedAllocations(base, now), (Pairs{{-1, 4}, {1, -1}, {2, 3}}));
}

TEST(Match, SampledLinesOfTwoBuildsBecomeOne) {
  Side base = SideOf({SiteOf({{"F", 10}}, 1), SiteOf({{"F", 20}}, 2)}, "old");
  Side now = SideOf({SiteOf({{"F", 20}}, 3), SiteOf({{"F", 30}}, 4)}, "new");
  base.widest_interval_bytes = now.widest_interval_bytes = 65536;
  EXPECT_EQ(MatchedAllocations(base, now), (Pairs{{3, 7}}));
}

TEST(Match, AddressesCompareWithinOneBuildAlone) {
  const std::vector<Thing> base = {SiteOf({{"app+0x10", 0}}, 1), SiteOf({{"app+0x20", 0}}, 2)};
  const std::vector<Thing> now = {SiteOf({{"app+0x20", 0}}, 4), SiteOf({{"app+0x30", 0}}, 8)};
  EXPECT_EQ(MatchedAllocations(SideOf(base), SideOf(now)), (Pairs{{-1, 8}, {1, -1}, {2, 4}}));
  EXPECT_EQ(MatchedAllocations(SideOf(base, "old"), SideOf(now, "new")), (Pairs{{3, 12}}));
  EXPECT_EQ(MatchedAllocations(SideOf(base, ""), SideOf(now, "")), (Pairs{{3, 12}}))
      << "without a build id nobody knows";
}

TEST(Match, LocksMatchByName) {
  Side base = SideOf({LockOf("cache_mutex", 5), LockOf("log_mutex", 6)}, "old");
  Side now = SideOf({LockOf("log_mutex", 7)}, "new");
  const std::vector<Match> matches = MatchThings(&base, &now);
  ASSERT_EQ(matches.size(), 2u);
  EXPECT_EQ(matches[0].base->name, "cache_mutex");
  EXPECT_FALSE(matches[0].now);
  EXPECT_EQ(matches[1].base->name, "log_mutex");
  EXPECT_EQ(matches[1].now->name, "log_mutex");
}

TEST(ThingNames, PartsOfAFunctionAreThatFunction) {
  EXPECT_EQ(StableName("Parse(int) [clone .constprop.0]"), "Parse(int)");
  EXPECT_EQ(StableName("parse.part.3"), "parse");
  EXPECT_EQ(StableName("Parse(int)"), "Parse(int)");
  EXPECT_EQ(StableName(".cold"), ".cold");
}

TEST(ThingNames, OwnFramesAreNeitherTheLibrarysNorTheStart) {
  const auto frame = [](const char* function) {
    SourceFrame frame;
    frame.function = function;
    return frame;
  };
  const SourceFrame new_op = frame("operator new(unsigned long)"), grow = frame("Grow()"),
                    vector = frame("std::vector<int>::push_back(int)"), main = frame("main"),
                    start = frame("_start");
  const std::vector<SourceFrame> own = OwnFrames({&new_op, &vector, &grow, &grow, &main, &start});
  ASSERT_EQ(own.size(), 2u) << "and recursion is one call";
  EXPECT_EQ(own[0].function, "Grow()");
  EXPECT_EQ(own[1].function, "main");
  EXPECT_EQ(OwnFrames({&new_op, &start}).size(), 2u) << "what has nothing of its own keeps all";
}

// ---- what is named ----------------------------------------------------------------------------------------------

std::vector<std::string> Named(const std::vector<ThingChange>& things) {
  std::vector<std::string> names;
  for (const ThingChange& thing : things) {
    if (thing.is_named) names.push_back(thing.match.either().name);
  }
  return names;
}

TEST(Comparison, NamesTheLargestShareFirst) {
  const Comparison comparison = CompareSides(
      SideOf({SiteOf({{"A", 1}}, 100), SiteOf({{"B", 1}}, 1000), SiteOf({{"C", 1}}, 7)}),
      SideOf({SiteOf({{"A", 1}}, 101), SiteOf({{"B", 1}}, 500), SiteOf({{"C", 1}}, 7)}));
  EXPECT_EQ(Named(comparison.sites), (std::vector<std::string>{"B", "A"}));
  EXPECT_EQ(comparison.tested, 0u) << "facts are no tests";
}

TEST(Comparison, OneRunASideDoesNotJudgeWaits) {
  const Side base = SideOf({LockOf("m", 5)}), now = SideOf({LockOf("m", 5e9)});
  EXPECT_TRUE(Named(CompareSides(base, now).locks).empty());
  EXPECT_EQ(CompareSides(base, now).locks[0].metrics[1].verdict, Verdict::kUnjudged);
}

TEST(Comparison, SeveralRunsJudgeWaitsByHowTheyScatter) {
  const auto side = [](double wait_ns, double deviation) {
    Thing lock = LockOf("m", wait_ns);
    lock.figures[Metric::kWaitNs].run_variance = deviation * deviation;
    Side side = SideOf({lock});
    side.runs = side.processes = 4;
    return side;
  };
  EXPECT_EQ(Named(CompareSides(side(1e9, 1e8), side(5e9, 1e8)).locks).size(), 1u);
  EXPECT_TRUE(Named(CompareSides(side(1e9, 3e9), side(5e9, 3e9)).locks).empty());
}

// Two runs without a wait and two with one each: what happened once may happen or not.
TEST(Comparison, RunsThatAgreeByLuckAreNoFactAboutWaits) {
  const auto side = [](double contended) {
    Thing lock = LockOf("m", contended * 1e6);
    lock.figures[Metric::kContended] = ExactFigure(contended);
    Side side = SideOf({lock});
    side.runs = side.processes = 2;
    return side;
  };
  EXPECT_TRUE(Named(CompareSides(side(0), side(1)).locks).empty());
  EXPECT_EQ(Named(CompareSides(side(0), side(10000)).locks).size(), 1u);
}

// Which thread does what is another thing in each run: 10,000 events scatter by 100.
TEST(Comparison, CountsThatTimingDecidesScatter) {
  const auto side = [](double allocations, bool is_timed) {
    Thing site = SiteOf({{"A", 1}}, allocations);
    site.figures[Metric::kBytes] = ExactFigure(16 * allocations);
    Side side = SideOf({site});
    side.is_timed = is_timed;
    return side;
  };
  const auto named = [&](double allocations, bool is_timed) {
    return Named(CompareSides(side(10000, is_timed), side(allocations, is_timed)).sites).size();
  };
  EXPECT_EQ(named(10200, false), 1u);
  EXPECT_EQ(named(10200, true), 0u);
  EXPECT_EQ(named(12000, true), 1u);
}

TEST(Comparison, PeaksThatTimingDecidesAreNotJudged) {
  const auto side = [](double peak, bool is_timed) {
    Thing site = SiteOf({{"A", 1}});
    site.figures[Metric::kPeakBytes] = ExactFigure(peak);
    Side side = SideOf({site});
    side.is_timed = is_timed;
    return side;
  };
  EXPECT_EQ(Named(CompareSides(side(1, false), side(2, false)).sites).size(), 1u);
  EXPECT_TRUE(Named(CompareSides(side(1, true), side(2, true)).sites).empty());
}

// 300 blocks of 100 bytes are seen by 30 samples of 1,000 bytes: where none was, that is a change; by 3 of 10,000 it is not.
TEST(Comparison, WhatSamplingMayHaveMissedIsNotGone) {
  const auto side = [](uint64_t interval, bool has_site) {
    std::vector<Thing> things = {SiteOf({{"Other", 1}}, 1e6)};
    if (has_site) {
      Thing site = SiteOf({{"A", 1}});
      Tally blocks, bytes;
      const Weight weight = Weight::OfBlock(100, interval);
      for (int i = 0; i < std::lround(300 / weight.factor); ++i) {
        blocks.Add(1, weight);
        bytes.Add(100, weight);
      }
      site.figures[Metric::kAllocations] = {blocks.Interval()};
      site.figures[Metric::kBytes] = {bytes.Interval()};
      things.push_back(site);
    }
    Side side = SideOf(std::move(things));
    side.widest_interval_bytes = interval;
    return side;
  };
  EXPECT_EQ(Named(CompareSides(side(1000, true), side(1000, false)).sites),
            std::vector<std::string>{"A"});
  EXPECT_EQ(Named(CompareSides(side(1000, false), side(1000, true)).sites),
            std::vector<std::string>{"A"});
  EXPECT_TRUE(Named(CompareSides(side(10000, true), side(10000, false)).sites).empty());
  EXPECT_TRUE(Named(CompareSides(side(10000, false), side(10000, true)).sites).empty());
}

}  // namespace
}  // namespace perfagent::test

// Suppressions, baselines and the results that a gate writes.
#include <gtest/gtest.h>

#include <string>

#include "analyzer/gate/baseline_file.h"
#include "analyzer/gate/leak_suppressions.h"
#include "analyzer/gate/regressions.h"
#include "analyzer/report/check_report.h"
#include "tests/support/analyze.h"
#include "tests/support/figures.h"

namespace perfagent::test {
namespace {

// ---- suppressions -----------------------------------------------------------------------------------------------

constexpr LeakSuppressions::Day k2027January31 = 20849;  // date -u -d 2027-01-31 +%s, by 86400

std::string SuppressionError(const std::string& text) {
  std::string error;
  return LeakSuppressions::Parse(text, "supp", k2027January31, &error) ? "" : error;
}

TEST(LeakSuppressions, NeedAnOwner) {
  EXPECT_EQ(SuppressionError("leak:Cache owner=me\n"), "");
  EXPECT_EQ(SuppressionError("# why\n\nleak:operator new owner=me expires=2027-01-31\n"), "");
  EXPECT_EQ(SuppressionError("\nleak:Cache\n"),
            "supp:2: expected an owner=NAME who answers for it, got 'leak:Cache'");
  EXPECT_EQ(
      SuppressionError("leak:Cache expires=2027-01-31"),
      "supp:1: expected an owner=NAME who answers for it, got 'leak:Cache expires=2027-01-31'");
}

TEST(LeakSuppressions, ErrorsNameTheLineAndWhatWasExpected) {
  EXPECT_EQ(
      SuppressionError("race:Cache owner=me"),
      "supp:1: expected leak:REGEX owner=NAME [expires=YYYY-MM-DD], got 'race:Cache owner=me'");
  for (const char* date : {"2027-02-29", "2027-13-01", "27-01-01", "tomorrow", ""}) {
    EXPECT_NE(SuppressionError(std::string("leak:Cache owner=me expires=") + date)
                  .find("expected a date as expires=2027-01-31"),
              std::string::npos)
        << date;
  }
  EXPECT_NE(SuppressionError("leak:Cache owner=me since=1").find("instead of 'since=1'"),
            std::string::npos);
  EXPECT_NE(SuppressionError("leak:( owner=me").find("a regular expression behind leak: ("),
            std::string::npos);
  EXPECT_NE(SuppressionError("leak: owner=me").find("a regular expression behind leak:"),
            std::string::npos);
}

class SuppressedLeak : public testing::Test {
 protected:
  // The leak of one block that two functions without names made, after suppressing; the rest of the heap stays.
  double LeakAfter(const std::string& text, LeakSuppressions::Day today = k2027January31) {
    DumpBuilder dump;
    dump.Module(0x400000, 0x500000, "/nonexistent/app");
    StreamBuilder& stream = dump.AddStream();
    stream.Alloc(1, 0x1000, 64, dump.Stack({0x401001, 0x402001}));
    Profile profile = ProfileOf(dump);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    std::string error;
    suppressions_ = LeakSuppressions::Parse(text, "supp", today, &error);
    suppressions_->Apply(&names, &profile.heap);
    EXPECT_EQ(profile.heap.total.live_bytes.value(), 64);
    return profile.heap.total.leaked_bytes.value();
  }

  std::optional<LeakSuppressions> suppressions_;
};

TEST_F(SuppressedLeak, IsOneOfAnyFunctionOnTheStack) {
  EXPECT_EQ(LeakAfter("leak:app\\+0x1000 owner=me"), 0);
  EXPECT_EQ(LeakAfter("leak:^app\\+0x2000$ owner=me"), 0);
  EXPECT_TRUE(suppressions_->Unused().empty());
  EXPECT_EQ(LeakAfter("leak:app\\+0x3 owner=me"), 64);
  EXPECT_EQ(suppressions_->Unused().size(), 1u);
}

TEST_F(SuppressedLeak, ComesBackTheDayAfterItsLast) {
  const std::string text = "leak:app owner=me expires=2027-01-31";
  EXPECT_EQ(LeakAfter(text, k2027January31), 0);
  EXPECT_TRUE(suppressions_->Expired().empty());
  EXPECT_EQ(LeakAfter(text, k2027January31 + 1), 64);
  ASSERT_EQ(suppressions_->Expired().size(), 1u);
  EXPECT_EQ(suppressions_->Expired().front(),
            "supp:1: expired on 2027-01-31 (owner me) and no longer applies: " + text);
}

// ---- baselines ----------------------------------------------------------------------------------------------------

std::string BaselineOf(const Side& side) {
  StringOutput output;
  WriteBaseline(side, &output);
  output.Flush();
  return output.text();
}

Side SomeSide() {
  Thing site = SiteOf({{"Grow \"x\"\n", 15}, {"main", 39}}, 10);
  site.place = 1;
  site.figures[Metric::kBytes] = {{0.1, 0.05, 1e300}, 1.0 / 3};
  Thing lock = LockOf("cache", 12345678901);
  lock.offset = 0x40;
  Side side = SideOf({site, lock}, "abcd");
  side.runs = 3;
  side.processes = 6;
  side.widest_interval_bytes = 65536;
  side.is_timed = true;
  return side;
}

TEST(Baseline, ComesBackAsItWas) {
  const Side side = SomeSide();
  const std::string text = BaselineOf(side);
  std::string error;
  const std::optional<Side> again = ParseBaseline(text, "file", &error);
  ASSERT_TRUE(again) << error;
  EXPECT_EQ(BaselineOf(*again), text);
  EXPECT_EQ(again->runs, 3u);
  EXPECT_EQ(again->widest_interval_bytes, 65536u);
  EXPECT_TRUE(again->is_timed);
  ASSERT_EQ(again->things.size(), 2u);
  const Thing& site = again->things[0];
  EXPECT_EQ(site.frames[0].function, "Grow \"x\"\n");
  EXPECT_EQ(site.frames[1].line, 39);
  EXPECT_EQ(site.figures[Metric::kBytes].mean.value, 0.1);
  EXPECT_EQ(site.figures[Metric::kBytes].mean.high, 1e300);
  EXPECT_EQ(site.figures[Metric::kBytes].run_variance, 1.0 / 3);
  EXPECT_EQ(again->things[1].figures[Metric::kWaitNs].mean.value, 12345678901);
  const Comparison comparison = CompareSides(side, *again);
  for (const ThingChange& change : comparison.sites) EXPECT_FALSE(change.is_named);
  EXPECT_EQ(comparison.sites.size(), 1u) << "matched with itself";
}

TEST(Baseline, WhatIsNoneIsRefused) {
  const std::string good = BaselineOf(SomeSide());
  const auto error_of = [](const std::string& text) {
    std::string error;
    return ParseBaseline(text, "file", &error) ? "" : error;
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    const size_t at = good.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return std::string(good).replace(at, from.size(), to);
  };
  EXPECT_EQ(error_of(good), "");
  EXPECT_NE(error_of(with("\"version\":1", "\"version\":2")).find("version 2, expected 1"),
            std::string::npos);
  EXPECT_NE(error_of(with("perfagent-baseline", "x")).find("another format"), std::string::npos);
  EXPECT_NE(error_of(with("\"runs\":3", "\"runs\":0")), "");
  EXPECT_NE(error_of(with("\"runs\":3", "\"runs\":\"3\"")), "");
  EXPECT_NE(error_of(with("\"place\":1", "\"place\":2")), "");
  EXPECT_NE(error_of(with("\"allocations\":[10", "\"allocations\":[-10")), "");
  EXPECT_NE(error_of(with("\"allocations\":[10,", "\"allocations\":[")), "");
  EXPECT_NE(error_of(with("\"allocations\"", "\"alocations\"")).find("'alocations'"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(100000, '[')), "");
  for (size_t size = 0; size + 2 < good.size(); size += 7) {
    EXPECT_NE(error_of(good.substr(0, size)), "") << size;
  }
}

// ---- regressions --------------------------------------------------------------------------------------------------

TEST(Regressions, AreWhatGrewByMoreThanIsTolerated) {
  const auto base = [] { return SideOf({SiteOf({{"A", 1}}, 900), SiteOf({{"B", 1}}, 100)}); };
  const auto now = [] { return SideOf({SiteOf({{"A", 1}}, 800), SiteOf({{"B", 1}}, 130)}); };
  const CheckResults results = FindRegressions(CompareSides(base(), now()), 0, "base.json");
  ASSERT_EQ(results.size(), 1u) << "neither the total nor A grew";
  EXPECT_EQ(results[0].outcome, Outcome::kFails);
  EXPECT_NE(results[0].text.find("B (app.cc:1): allocations 100 -> 130"), std::string::npos)
      << results[0].text;
  EXPECT_EQ(FindRegressions(CompareSides(base(), now()), 0.029, "x")[0].outcome, Outcome::kFails);
  EXPECT_EQ(FindRegressions(CompareSides(base(), now()), 0.03, "x")[0].outcome, Outcome::kHolds);
  EXPECT_EQ(FindRegressions(CompareSides(now(), now()), 0, "x")[0].outcome, Outcome::kHolds);
}

TEST(Regressions, ALowerPeakAtAnotherMomentIsNone) {
  const auto side = [](double a, double b) {
    Thing one = SiteOf({{"A", 1}}), other = SiteOf({{"B", 1}});
    one.figures[Metric::kPeakBytes] = ExactFigure(a);
    other.figures[Metric::kPeakBytes] = ExactFigure(b);
    return SideOf({one, other});
  };
  EXPECT_EQ(FindRegressions(CompareSides(side(10, 0), side(0, 8)), 0, "x")[0].outcome,
            Outcome::kHolds);
  EXPECT_EQ(FindRegressions(CompareSides(side(10, 0), side(0, 12)), 0, "x")[0].outcome,
            Outcome::kFails);
}

// ---- what is written ------------------------------------------------------------------------------------------------

const CheckResults kHostile = {
    {"a<1", Outcome::kHolds, "a 0"},
    {"b<1", Outcome::kUndecided, "b ~1"},
    {"]]>\"'&\x1b[2J\xff\n::error::", Outcome::kFails, "5 % <x>\r\n::set-env"}};

TEST(CheckReport, HostileNamesCannotLeaveTheirLine) {
  StringOutput output;
  WriteCheckText(kHostile, &output);
  output.Flush();
  EXPECT_EQ(output.text(),
            "holds      a 0\n"
            "undecided  b ~1\n"
            "FAILS      5 % <x>\\x0d\\x0a::set-env\n"
            "::error title=perfagent::5 %25 <x>\\x0d\\x0a::set-env\n"
            "perfagent: 3 checked, 1 failed, 1 undecided\n");
}

TEST(CheckReport, JUnitIsXmlWhateverTheNames) {
  StringOutput output;
  WriteJUnit(kHostile, &output);
  output.Flush();
  EXPECT_EQ(output.text(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"perfagent\" tests=\"3\" failures=\"1\">\n"
            "  <testcase classname=\"perfagent\" name=\"a&lt;1\"><system-out>a "
            "0</system-out></testcase>\n"
            "  <testcase classname=\"perfagent\" name=\"b&lt;1\"><system-out>undecided: b "
            "~1</system-out></testcase>\n"
            "  <testcase classname=\"perfagent\" "
            "name=\"]]&gt;&quot;&apos;&amp;\\x1b[2J\\xff\\x0a::error::\">"
            "<failure message=\"5 % &lt;x&gt;\\x0d\\x0a::set-env\"/></testcase>\n"
            "</testsuite>\n");
}

}  // namespace
}  // namespace perfagent::test

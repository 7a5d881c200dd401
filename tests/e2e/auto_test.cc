// INTERVAL=auto: an exact state first, then what the budget and the file allow (statistics_test.cc: its estimates, and the
// budget itself).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

uint64_t Lost(const nlohmann::json& report) { return report.at("loss").at("total"); }

TEST(Auto, AShortProgramIsRecordedExactly) {
  const Recording sampled = Record({Sample("leak"), "100", "48"}, {});
  const nlohmann::json found = Report(sampled.dump());
  const nlohmann::json truth =
      Report(Record({Sample("leak"), "100", "48"}, {{"MODE", "full"}}).dump());
  for (const char* key : {"allocations", "bytes", "frees", "temporary", "leaked_bytes",
                          "leaked_blocks", "peak_bytes"}) {
    const Estimate estimate = ToEstimate(found.at("heap").at(key));
    EXPECT_TRUE(estimate.IsExact()) << key;
    EXPECT_EQ(estimate.value, ToEstimate(truth.at("heap").at(key)).value) << key;
  }
  EXPECT_TRUE(found.at("settings").at("interval_is_auto"));
  EXPECT_EQ(found.at("settings").at("interval_bytes"), 0);
  EXPECT_TRUE(found.at("unseen").at("other_intervals_bytes").empty());
}

// Until then, one record each; afterwards far fewer.
TEST(Auto, TheExactStateEnds) {
  const Recording recording = Record({Sample("churn")}, {});
  const nlohmann::json report = Report(recording.dump());
  EXPECT_FALSE(report.at("unseen").at("other_intervals_bytes").empty());
  EXPECT_GT(ToEstimate(report.at("heap").at("allocations")).value, 30'000);
  uint64_t events = 0;
  ForEachEvent(recording.dump(), [&events](const Event&) { ++events; });
  EXPECT_LT(events, 40'000u) << "two of each of 16 K blocks, and some";
  EXPECT_EQ(Lost(report), 0u);
}

// The agent's own account. What it spends cannot be less than nothing or more than all of the CPU time.
TEST(Auto, EveryReportSaysWhatTheAgentCost) {
  for (const char* mode : {"sample", "full"}) {
    const Recording recording = Record({Sample("churn")}, {{"MODE", mode}});
    const nlohmann::json agent = Report(recording.dump()).at("agent");
    const double spent = agent.at("slow_path_ns"), cpu = agent.at("cpu_ns");
    EXPECT_GT(spent, 1e5) << mode;
    EXPECT_LT(spent, 1.1 * cpu) << mode << ": in full mode it is itself an estimate";
    EXPECT_NEAR(agent.at("share").get<double>(), spent / cpu, 1e-6);
    const double size = static_cast<double>(std::filesystem::file_size(recording.dump()));
    EXPECT_LE(agent.at("bytes_written").get<double>(), size) << mode;
    EXPECT_GT(agent.at("bytes_written").get<double>(), size - 65536) << mode;
    const ProcessResult text = RunProcess({Analyzer(), "report", recording.dump()});
    EXPECT_NE(text.out.find(" in its slow paths, "), std::string::npos) << text.out;
  }
}

TEST(Auto, AYearFitsInTheFile) {
  constexpr double kYearNs = 365 * 86400e9;
  const Recording recording =
      Record({TestProgram("virtual_year")}, {{"CLOCK", "vdso"}, {"MAX_SIZE", "1M"}, {"SEED", "5"}});
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(Lost(report), 0u);
  EXPECT_LE(std::filesystem::file_size(recording.dump()), 1u << 20);
  EXPECT_TRUE(ToEstimate(report.at("heap").at("allocations")).Contains(300'000))
      << report.at("heap").at("allocations");
  std::vector<int> events_of_tenths(11);
  ForEachEvent(recording.dump(), [&](const Event& event) {
    ++events_of_tenths[static_cast<size_t>(static_cast<double>(event.time_ns) / kYearNs * 10)];
  });
  EXPECT_GT(events_of_tenths[0], 2 * events_of_tenths[9]) << "the mean grows with time";
  for (int tenth = 0; tenth < 10; ++tenth)
    EXPECT_GT(events_of_tenths[tenth], 5) << tenth << ": it never stops looking";
}

// A child goes on within its parent's gap. Were that gap's sample thrown away, these children, who see one sample each on
// average, would seem to allocate a third of what they do.
// What waits cost does not become less when blocks are sampled more sparsely.
TEST(Auto, WaitsDoNotMakeSamplesRare) {
  const Recording recording = Record({TestProgram("waits_beside_blocks"), "10000"}, {});
  const double made = 1e6;
  ASSERT_EQ(recording.process.out, "1000000\n");
  const nlohmann::json report = Report(recording.dump());
  const Estimate allocations = ToEstimate(report.at("heap").at("allocations"));
  EXPECT_NEAR(allocations.value, made, 0.25 * made);
  EXPECT_LT(allocations.high, 1.5 * made);
  EXPECT_GT(report.at("agent").at("share").get<double>(), 0.01) << "waits cost more than all may";
}

TEST(Auto, ForkedChildrenAreSampledWithoutBias) {
  constexpr int kChildren = 300, kBlocks = 64;
  constexpr double kBytes = kChildren * kBlocks * 1000.0;
  for (const char* interval : {"64K", "auto"}) {
    const bool is_auto = std::string(interval) == "auto";
    const Recording recording =
        Record({TestProgram("forked_heaps"), std::to_string(kChildren), std::to_string(kBlocks)},
               {{"INTERVAL", interval}, {"SEED", "7"}});
    const Estimate bytes = ToEstimate(Report(recording.dumps).at("heap").at("bytes"));
    // Of n samples the sum is known to one over the root of n; in auto children have a mean of 512 KiB.
    const double samples = kBytes / (is_auto ? 512 << 10 : 64 << 10);
    EXPECT_NEAR(bytes.value, kBytes, 4.5 * kBytes / std::sqrt(samples)) << interval;
    EXPECT_GT(recording.dumps.size(), samples / 3) << interval;
  }
}

nlohmann::json ReportWithPlainMalloc(const std::vector<std::string>& program,
                                     const std::map<std::string, std::string>& settings) {
  ProcessOptions plain_malloc;
  plain_malloc.env["PYTHONMALLOC"] = "malloc";
  const Recording recording = Record(program, settings, plain_malloc);
  EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  return Report(recording.dumps);
}

// Of all the program's frees, which are counted and not estimated: few of them may be sampled.
double Frees(const std::vector<std::string>& program) {
  return ToEstimate(ReportWithPlainMalloc(program, {{"MODE", "full"}}).at("heap").at("frees"))
      .value;
}

// Frees that looked into the table of tracked blocks.
double Lookups(const std::vector<std::string>& program, int seed) {
  const nlohmann::json report = ReportWithPlainMalloc(program, {{"SEED", std::to_string(seed)}});
  return report.at("agent").at("free_lookups").get<double>();
}

// What a free costs where most blocks are not tracked: one look at the filter, and the table itself only for a tracked
// block's neighbours. The median of some runs: a program that frees at a few addresses all the time may have a tracked
// block beside one of them, about once in thirty runs.
TEST(Auto, FewFreesOfRealProgramsMeetATrackedNeighbour) {
  REQUIRE_PROGRAM("sqlite3", "sqlite3");
  REQUIRE_PROGRAM("python3", "python3");
  constexpr int kRuns = 5;
  const std::string sql =
      "create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where "
      "x<300000) "
      "insert into t select x, (x*7919)%300000 || 'row' from c; create index i on t(b); "
      "select count(*) from (select * from t order by b);";
  const std::string python =
      "import json\nd=[{'a':i,'b':list(range(9)),'c':str(i)*3} for i in range(3000)]\n"
      "for i in range(3): json.loads(json.dumps(d))";
  const std::vector<std::vector<std::string>> kPrograms = {{"sqlite3", ":memory:", sql},
                                                           {"/usr/bin/python3", "-c", python}};
  for (const std::vector<std::string>& program : kPrograms) {
    const double frees = Frees(program);
    EXPECT_GT(frees, 200'000) << program[0];
    std::vector<double> shares;
    for (int seed = 1; seed <= kRuns; ++seed) shares.push_back(Lookups(program, seed) / frees);
    std::sort(shares.begin(), shares.end());
    EXPECT_LT(shares[kRuns / 2], 0.05) << program[0];
    std::cout << program[0] << ": " << shares[kRuns / 2] * 100 << " % of the frees (median), "
              << shares.back() * 100 << " at most\n";
  }
}

}  // namespace
}  // namespace perfagent::test

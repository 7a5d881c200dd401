// Full mode with more events than its file has room for: all are recorded until the file is nearly full, samples of them
// afterwards, and nothing is lost (statistics_test.cc: what the samples say).
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ostream>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

bool HasEnded(const nlohmann::json& report) {
  return !report.at("settings").at("full_until_ns").is_null();
}

// Within some six standard errors: no run in a million is to fail by chance.
void ExpectNear(const Estimate& estimate, double truth, const std::string& what) {
  const double half_width = std::max(estimate.high - estimate.value, estimate.value - estimate.low);
  EXPECT_LE(std::abs(estimate.value - truth), 3 * half_width)
      << what << ": " << estimate.value << ", truth " << truth;
}

void ExpectNearTruth(const nlohmann::json& report, const ProcessTruth& truth) {
  for (const FunctionTruth& function : truth.functions) {
    const std::vector<nlohmann::json> sites = SitesBelow(report, function.function);
    for (const auto& [metric, value] : function.metrics)
      ExpectNear(Sum(sites, MetricOfTruth(metric)), value, function.function + " " + metric);
  }
}

// Whole, and marked in every form of the report.
void ExpectMarked(const fs::path& dump, const nlohmann::json& report) {
  EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
  EXPECT_EQ(report.at("heap").at("overlaps"), 0);
  EXPECT_EQ(report.at("settings").at("mode"), "full");
  ASSERT_TRUE(HasEnded(report));
  EXPECT_LE(report.at("settings").at("full_until_ns"),
            report.at("processes").at(0).at("duration_ns"));
  for (const char* command : {"report", "info"}) {
    const ProcessResult text = RunProcess({Analyzer(), command, dump});
    EXPECT_NE(text.out.find("(the file was nearly full), sampled after that"), std::string::npos)
        << text.out.substr(0, 1000);
  }
}

struct Case {
  int threads;
  int rounds;  // of some ten events
  const char* max_size;
  uint64_t bytes;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.threads << " in " << c.max_size; }

class FullEnd : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Sizes, FullEnd,
    testing::Values(Case{1, 20000, "64K", 64 << 10}, Case{1, 20000, "256K", 256 << 10},
                    Case{1, 50000, "1M", 1 << 20}, Case{4, 20000, "512K", 512 << 10},
                    Case{4, 50000, "1M", 1 << 20}, Case{16, 40000, "4M", 4 << 20}),
    [](const auto& info) {
      return std::to_string(info.param.threads) + "_in_" + info.param.max_size;
    });

TEST_P(FullEnd, NothingIsLostAndWhatCameBeforeIsExact) {
  const Case& c = GetParam();
  const Recording recording =
      Record({TestProgram("long_run"), std::to_string(c.threads), std::to_string(c.rounds)},
             {{"MODE", "full"}, {"MAX_SIZE", c.max_size}, {"SEED", "1"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  EXPECT_EQ(recording.process.err, "");
  EXPECT_LE(fs::file_size(recording.dump()), c.bytes);
  const nlohmann::json report = Report(recording.dump());
  ExpectMarked(recording.dump(), report);
  EXPECT_EQ(report.at("heap").at("unpaired_frees"), 0);
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  ExpectNearTruth(report, truth);
  // All had been made before; whether others followed unseen, nobody knows.
  for (const nlohmann::json& site : SitesBelow(report, "Early")) {
    const Estimate allocations = ToEstimate(site.at("allocations"));
    EXPECT_EQ(allocations.low, allocations.value);
    EXPECT_GT(allocations.high, allocations.value);
  }
  EXPECT_EQ(Sum(SitesBelow(report, "Early"), "allocations").value, c.threads * 200);
  const Estimate acquisitions = ToEstimate(report.at("locks").at("acquisitions"));
  EXPECT_FALSE(acquisitions.IsExact());
  ExpectNear(acquisitions, truth.Number("acquisitions"), "acquisitions");
}

TEST(FullEndOfAProcess, AYearFitsInTheFile) {
  const Recording recording =
      Record({TestProgram("virtual_year")},
             {{"MODE", "full"}, {"CLOCK", "vdso"}, {"MAX_SIZE", "1M"}, {"SEED", "1"}});
  const nlohmann::json report = Report(recording.dump());
  ExpectMarked(recording.dump(), report);
  EXPECT_LE(fs::file_size(recording.dump()), 1u << 20);
  ExpectNear(ToEstimate(report.at("heap").at("allocations")), 300'000, "allocations");
  constexpr double kTenthNs = 365 * 86400e8;
  std::vector<int> events_of_tenths(11);
  ForEachEvent(recording.dump(), [&](const Event& event) {
    ++events_of_tenths[static_cast<size_t>(static_cast<double>(event.time_ns) / kTenthNs)];
  });
  EXPECT_GT(events_of_tenths[0], 40'000) << "exact at first";
  for (int tenth = 0; tenth < 10; ++tenth)
    EXPECT_GT(events_of_tenths[tenth], 5) << tenth << ": it never stops looking";
}

TEST(FullEndOfAProcess, IsNotThatOfItsForkedChild) {
  const Recording recording = Record({TestProgram("long_run"), "1", "20000", "fork"},
                                     {{"MODE", "full"}, {"MAX_SIZE", "256K"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  ASSERT_EQ(recording.dumps.size(), 2u);
  std::vector<nlohmann::json> reports = ReportEach(recording.dumps);
  if (HasEnded(reports[1])) std::swap(reports[0], reports[1]);
  EXPECT_TRUE(HasEnded(reports[0]));
  ASSERT_FALSE(HasEnded(reports[1]));
  const nlohmann::json& child = reports[1];
  EXPECT_EQ(Sum(SitesBelow(child, "Early"), "allocations").value, 200);
  EXPECT_EQ(Sum(SitesBelow(child, "Early"), "leaked_blocks").value, 50);
  EXPECT_EQ(Sum(SitesBelow(child, "Grown"), "allocations").value, 3);
  EXPECT_EQ(Sum(SitesBelow(child, "Grown"), "leaked_blocks").value, 0);
  EXPECT_TRUE(ToEstimate(child.at("heap").at("bytes")).IsExact());
  EXPECT_TRUE(ToEstimate(child.at("locks").at("acquisitions")).IsExact());
}

TEST(FullEndOfAProcess, IsThereWhileItRunsAndAfterAKill) {
  TempDir dir;
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"MODE", "full"}, {"MAX_SIZE", "1M"}});
  BackgroundProcess process({TestProgram("progress"), dir / "file", "3"}, options);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const auto has_ended = [&] {
    const std::vector<fs::path> dumps = DumpsIn(dir.path());
    return !dumps.empty() && HasEnded(Report(dumps.front()));
  };
  while (!has_ended() && std::chrono::steady_clock::now() < deadline) usleep(10000);
  usleep(50000);
  process.Signal(SIGKILL);
  process.Wait();
  const fs::path dump = DumpsIn(dir.path()).front();
  const nlohmann::json report = Report(dump);
  EXPECT_EQ(report.at("processes").at(0).at("ended"), "killed");
  ExpectMarked(dump, report);
  // Each thread holds four blocks, and the one that it is about to hold.
  const Estimate leaked = Sum(SitesBelow(report, "AllocateForEver"), "leaked_blocks");
  EXPECT_LE(leaked.low, 3 * 5);
}

}  // namespace
}  // namespace perfagent::test

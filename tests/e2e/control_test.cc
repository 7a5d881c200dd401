// Recording as it is controlled while the program runs: by the header page's words, and by the program itself.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

Recording RecordControlWords(const std::string& mode, const std::string& interval,
                             const std::string& retuned, const std::string& max_size = "1G") {
  Recording recording;
  const std::string dump = recording.dir / "control.dump";
  ProcessOptions options;
  options.env = AgentEnvironment(recording.dir.path(), {{"MODE", mode},
                                                        {"INTERVAL", interval},
                                                        {"OUTPUT", dump},
                                                        {"SEED", "3"},
                                                        {"MAX_SIZE", max_size}});
  recording.process = RunProcess({TestProgram("control_words"), dump, retuned}, options);
  recording.dumps = DumpsIn(recording.dir.path());
  return recording;
}

std::vector<std::string> IntervalsIn(const Recording& recording) {
  std::vector<std::string> intervals;
  for (const std::string& line : Lines(RunProcess({Analyzer(), "events", recording.dump()}).out)) {
    const size_t at = line.find(" interval ");
    if (!line.starts_with("# ") || at == std::string::npos) continue;
    const std::string interval = line.substr(at + 10);
    if (intervals.empty() || intervals.back() != interval) intervals.push_back(interval);
  }
  return intervals;
}

TEST(ControlWords, AChangedIntervalBiasesNothing) {
  // To more samples and to fewer.
  for (const auto& [configured, retuned] :
       {std::pair("64K", "8192"), std::pair("8192", "262144")}) {
    SCOPED_TRACE(retuned);
    const Recording recording = RecordControlWords("sample", configured, retuned);
    ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    const nlohmann::json report = Report(recording.dump());
    const ProcessTruth truths = ParseTruth(recording.process.out).front();
    for (const FunctionTruth& function : truths.functions) {
      // At 262,144 bytes about 76 of 20,000 are seen: four standard deviations are 46 %.
      const double truth = function.metrics.at("allocations");
      EXPECT_NEAR(Sum(SitesBelow(report, function.function), "allocations").value, truth,
                  truth * 0.46)
          << function.function;
    }
  }
}

// Full mode ends in one phase or another: before an interval is asked for, while it is, and later. Of the smallest file, of
// three segments, so little is left that a mean of 16 MiB gives the later phases' 20 MB a sample or none: these are checked in
// the other files.
TEST(ControlWords, BiasNothingWhereFullModeEnds) {
  for (const char* max_size : {"128K", "136K", "160K", "192K", "256K"}) {
    SCOPED_TRACE(max_size);
    const Recording recording = RecordControlWords("full", "auto", "8192", max_size);
    ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    const nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
    EXPECT_FALSE(report.at("settings").at("full_until_ns").is_null());
    EXPECT_TRUE(SitesBelow(report, "Paused").empty());
    const ProcessTruth truths = ParseTruth(recording.process.out).front();
    for (const FunctionTruth& function : truths.functions) {
      if (max_size == std::string_view("128K") && function.function != "AsConfigured" &&
          function.function != "Retuned") {
        continue;
      }
      const Estimate found = Sum(SitesBelow(report, function.function), "allocations");
      const double truth = function.metrics.at("allocations");
      EXPECT_LE(truth - found.value, 3 * (found.high - found.value)) << function.function;
      EXPECT_LE(found.value - truth, 3 * (found.value - found.low)) << function.function;
    }
  }
}

TEST(ControlWords, AreBelievedOnlyWhereTheyMayBe) {
  const Recording recording = RecordControlWords("sample", "64K", "8192");
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  EXPECT_EQ(IntervalsIn(recording), (std::vector<std::string>{"65536", "8192", "65536"}));
  EXPECT_TRUE(SitesBelow(Report(recording.dump()), "Paused").empty());
}

TEST(ControlWords, PauseLeavesOutWhatIsAllocatedMeanwhileInFullMode) {
  const Recording recording = RecordControlWords("full", "auto", "8192");
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const nlohmann::json report = Report(recording.dump());
  EXPECT_TRUE(SitesBelow(report, "Paused").empty());
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  for (const FunctionTruth& function : truth.functions) {
    EXPECT_EQ(Sum(SitesBelow(report, function.function), "allocations").value,
              function.metrics.at("allocations"))
        << function.function;
  }
}

// As in a container: its pid is 1 there, and another here.
TEST(Running, ReportOfAProcessWithItsOwnPidsSaysThatItRuns) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root for a pid namespace";
  TempDir dir;
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"PROGRAMS", "endings"}});
  BackgroundProcess process(
      {"/usr/bin/unshare", "--pid", "--fork", "--kill-child", TestProgram("endings"), "wait"},
      options);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (DumpsIn(dir.path()).empty() && std::chrono::steady_clock::now() < deadline) usleep(10000);
  ASSERT_EQ(DumpsIn(dir.path()).size(), 1u);
  const nlohmann::json running = Report(DumpsIn(dir.path()).front());
  EXPECT_EQ(running.at("processes").at(0).at("pid"), 1);
  EXPECT_EQ(running.at("processes").at(0).at("ended"), "running");
  process.Signal(SIGKILL);
  process.Wait();
  const auto ended = [&] {
    return Report(DumpsIn(dir.path()).front()).at("processes").at(0).at("ended") == "killed";
  };
  while (!ended() && std::chrono::steady_clock::now() < deadline) usleep(10000);
  EXPECT_TRUE(ended());
}

std::vector<std::string> MarksIn(const Recording& recording) {
  std::vector<std::string> marks;
  for (const std::string& line : Lines(RunProcess({Analyzer(), "events", recording.dump()}).out)) {
    const size_t at = line.find(" mark ");
    if (line.starts_with("# ") && at != std::string::npos) marks.push_back(line.substr(at + 6));
  }
  return marks;
}

TEST(Phases, AreMarkedAndPausedByTheProgramItself) {
  const ProcessResult bare = RunProcess({Sample("phases")});
  for (const char* mode : {"full", "sample"}) {
    const Recording recording = Record({Sample("phases")}, {{"MODE", mode}, {"INTERVAL", "1"}});
    ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    EXPECT_EQ(recording.process.out, bare.out);
    EXPECT_EQ(recording.process.err, "");
    EXPECT_EQ(MarksIn(recording), (std::vector<std::string>{"warm up", "serve"}));
    const nlohmann::json report = Report(recording.dump());
    EXPECT_TRUE(SitesBelow(report, "Quiet").empty()) << mode;
    const ProcessTruth truth = ParseTruth(bare.out).front();
    for (const FunctionTruth& function : truth.functions) {
      EXPECT_EQ(Sum(SitesBelow(report, function.function), "allocations").value,
                function.metrics.at("allocations"))
          << mode << " " << function.function;
    }
  }
}

TEST(Phases, RunTheSameWithoutRecording) {
  const ProcessResult bare = RunProcess({Sample("phases")});
  ASSERT_TRUE(bare.Succeeded()) << bare.Describe();
  const Recording off = Record({Sample("phases")}, {{"MODE", "off"}});
  EXPECT_TRUE(off.process.Succeeded());
  EXPECT_EQ(off.process.out, bare.out);
}

}  // namespace
}  // namespace perfagent::test

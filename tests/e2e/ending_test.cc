// However a process ends, its dump is whole and holds what happened until then.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

std::string Ended(const nlohmann::json& report) {
  return report.at("processes").at(0).at("ended").get<std::string>();
}

void ExpectTruth(const ProcessResult& process, const nlohmann::json& report) {
  EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
  const FunctionTruth truth = ParseTruth(process.out).front().functions.front();
  for (const auto& [metric, expected] : truth.metrics) {
    EXPECT_EQ(Sum(SitesBelow(report, truth.function), MetricOfTruth(metric)).value, expected)
        << metric;
  }
}

// tests/e2e/programs/progress.cc
struct Progress {
  uint64_t tid;
  uint64_t begun;
  uint64_t ended;
  uint64_t unused[5];
};
constexpr uint64_t kSize = 5000;
constexpr uint64_t kSizes = 97;

std::vector<Progress> ReadProgress(const std::filesystem::path& path) {
  const std::string bytes = ReadFile(path);
  std::vector<Progress> progress(bytes.size() / sizeof(Progress));
  std::memcpy(progress.data(), bytes.data(), progress.size() * sizeof(Progress));
  return progress;
}

// How many allocations of each thread the dump holds; they must be the first ones, in order.
std::map<uint64_t, uint64_t> CountAllocations(const std::filesystem::path& dump) {
  std::map<uint64_t, uint64_t> counts;
  size_t out_of_order = 0;
  ForEachEvent(dump, [&](const Event& event) {
    if (event.api != "malloc" || event.fields.size() < 2) return;
    const uint64_t size = std::stoull(event.fields[1]);
    if (size < kSize || size >= kSize + kSizes) return;
    if (size != kSize + counts[event.tid] % kSizes) ++out_of_order;
    ++counts[event.tid];
  });
  EXPECT_EQ(out_of_order, 0u);
  return counts;
}

TEST(Killed, EveryThreadsRecordsAreAPrefixOfWhatItDid) {
  std::mt19937 random(20);
  for (int run = 0; run < 20; ++run) {
    SCOPED_TRACE("run " + std::to_string(run));
    TempDir dir;
    const std::filesystem::path progress_file = dir / "progress";
    ProcessOptions options;
    options.env = AgentEnvironment(dir.path(), {{"MODE", "full"}});
    BackgroundProcess process({TestProgram("progress"), progress_file, "2"}, options);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const auto running = [&] {
      if (!std::filesystem::exists(progress_file)) return false;
      const std::vector<Progress> progress = ReadProgress(progress_file);
      return progress.size() == 2 && progress[0].ended > 0 && progress[1].ended > 0;
    };
    while (!running() && std::chrono::steady_clock::now() < deadline) usleep(200);
    ASSERT_TRUE(running());
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
    process.Signal(SIGKILL);
    EXPECT_EQ(process.Wait().signal, SIGKILL);

    const std::vector<std::filesystem::path> dumps = DumpsIn(dir.path());
    ASSERT_EQ(dumps.size(), 1u);
    const nlohmann::json report = Report(dumps.front());
    EXPECT_EQ(Ended(report), "killed");
    EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
    const std::map<uint64_t, uint64_t> counts = CountAllocations(dumps.front());
    double total = 0;
    for (const Progress& thread : ReadProgress(progress_file)) {
      ASSERT_TRUE(counts.contains(thread.tid));
      EXPECT_GE(counts.at(thread.tid), thread.ended) << "an allocation that returned is missing";
      EXPECT_LE(counts.at(thread.tid), thread.begun) << "more than there were";
      total += static_cast<double>(counts.at(thread.tid));
    }
    EXPECT_EQ(Sum(SitesBelow(report, "AllocateForEver"), "allocations").value, total);
  }
}

TEST(Killed, SampledDumpIsWholeToo) {
  TempDir dir;
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"INTERVAL", "64K"}, {"SEED", "1"}});
  BackgroundProcess process({TestProgram("progress"), dir / "progress", "2"}, options);
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  process.Signal(SIGKILL);
  process.Wait();
  const std::vector<std::filesystem::path> dumps = DumpsIn(dir.path());
  ASSERT_EQ(dumps.size(), 1u);
  const nlohmann::json report = Report(dumps.front());
  EXPECT_EQ(Ended(report), "killed");
  double ended = 0;
  for (const Progress& thread : ReadProgress(dir / "progress")) {
    ended += static_cast<double>(thread.ended);
  }
  ASSERT_GT(ended, 1000);
  // Thousands of samples: 20 % is far more than their error.
  EXPECT_NEAR(Sum(SitesBelow(report, "AllocateForEver"), "allocations").value, ended, 0.2 * ended);
}

struct Ending {
  const char* how;
  int exit_code;  // -1: a signal
  int signal;
  const char* ended;
};
void PrintTo(const Ending& ending, std::ostream* out) { *out << ending.how; }

class Endings : public testing::TestWithParam<Ending> {};

TEST_P(Endings, StatusIsTheProgramsAndTheDumpIsWhole) {
  const Ending& ending = GetParam();
  const ProcessResult bare = RunProcess({TestProgram("endings"), ending.how});
  ASSERT_EQ(bare.exit_code, ending.exit_code) << bare.Describe();
  ASSERT_EQ(bare.signal, ending.signal) << bare.Describe();
  for (const char* mode : {"full", "sample"}) {
    const Recording recording = Record({TestProgram("endings"), ending.how}, {{"MODE", mode}});
    EXPECT_EQ(recording.process.exit_code, ending.exit_code) << recording.process.Describe();
    EXPECT_EQ(recording.process.signal, ending.signal) << recording.process.Describe();
    EXPECT_EQ(recording.process.out, bare.out);
    EXPECT_EQ(recording.process.err, bare.err);
    const nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(Ended(report), ending.ended) << mode;
    // A status that the agent cannot know is null, never a wrong number.
    if (const nlohmann::json& status = report.at("processes").at(0).at("exit_status");
        !status.is_null() || std::string(ending.how) != "quick_exit") {
      EXPECT_EQ(status, std::string(ending.ended) == "exited" ? nlohmann::json(ending.exit_code)
                                                              : nlohmann::json());
    }
    if (std::string(mode) == "full") ExpectTruth(recording.process, report);
  }
}

// _exit runs no handlers: to the dump it is a kill.
INSTANTIATE_TEST_SUITE_P(
    All, Endings,
    testing::Values(Ending{"return", 11, 0, "exited"}, Ending{"exit", 12, 0, "exited"},
                    Ending{"_exit", 13, 0, "killed"}, Ending{"quick_exit", 14, 0, "exited"},
                    Ending{"abort", -1, SIGABRT, "killed"},
                    Ending{"exit_from_thread", 15, 0, "exited"},
                    Ending{"pthread_exit", 16, 0, "exited"},
                    Ending{"terminate", -1, SIGABRT, "killed"}, Ending{"at_exit", 17, 0, "exited"}),
    [](const auto& info) { return std::string(info.param.how); });

TEST(Running, ReportOfARunningProcessIsJustAReport) {
  TempDir dir;
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"MODE", "full"}});
  BackgroundProcess process({TestProgram("endings"), "wait"}, options);
  const auto finished = [&] {
    const std::string state =
        ReadFile("/proc/" + std::to_string(process.pid()) + "/syscall");  // 34 is pause
    return state.starts_with("34 ");
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!finished() && std::chrono::steady_clock::now() < deadline) usleep(1000);
  const std::vector<std::filesystem::path> dumps = DumpsIn(dir.path());
  ASSERT_EQ(dumps.size(), 1u);
  const nlohmann::json running = Report(dumps.front());
  EXPECT_EQ(Ended(running), "running");
  process.Signal(SIGTERM);
  const ProcessResult result = process.Wait();
  EXPECT_EQ(result.signal, SIGTERM);
  ExpectTruth(result, running);
  const nlohmann::json killed = Report(dumps.front());
  EXPECT_EQ(Ended(killed), "killed");
  ExpectTruth(result, killed);
}

}  // namespace
}  // namespace perfagent::test

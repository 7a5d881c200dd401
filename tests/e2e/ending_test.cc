// However a process ends, its dump is whole and holds what happened until then.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/behaviour.h"
#include "tests/support/progress.h"

namespace perfagent::test {
namespace {

std::string Ended(const nlohmann::json& report) {
  return report.at("processes").at(0).at("ended").get<std::string>();
}

// tests/e2e/programs/progress.cc
constexpr uint64_t kSize = 5000;
constexpr uint64_t kSizes = 97;

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

// Each thread's records are the first ones of what it did; how many, it said itself. Where the recording was closed
// before the process ended, what came after is counted as lost.
void ExpectPrefixes(const std::filesystem::path& dump, const std::filesystem::path& progress_file,
                    const nlohmann::json& report) {
  const std::map<uint64_t, uint64_t> counts = CountAllocations(dump);
  const double lost = Lost(report);
  EXPECT_EQ(lost, Lost(report, "after_exit")) << report.at("loss").dump();
  double total = 0;
  double ended = 0;
  for (const Progress& thread : ReadProgress(progress_file)) {
    ASSERT_TRUE(counts.contains(thread.tid));
    const uint64_t count = counts.at(thread.tid);
    EXPECT_LE(count, thread.begun) << "more than there were";
    EXPECT_GE(static_cast<double>(count) + lost, static_cast<double>(thread.ended))
        << "an allocation that returned is missing";
    total += static_cast<double>(count);
    ended += static_cast<double>(thread.ended);
  }
  EXPECT_GE(total + lost, ended);
  EXPECT_EQ(Sum(SitesBelow(report, "AllocateForEver"), "allocations").value, total);
}

TEST(Killed, EveryThreadsRecordsAreAPrefixOfWhatItDid) {
  std::mt19937 random(20);
  const size_t runs = Repetitions("PERFAGENT_TEST_KILLS", 20);
  for (size_t run = 0; run < runs; ++run) {
    SCOPED_TRACE("run " + std::to_string(run));
    TempDir dir;
    const std::filesystem::path progress_file = dir / "progress";
    ProcessOptions options;
    options.env = AgentEnvironment(dir.path(), {{"MODE", "full"}});
    BackgroundProcess process({TestProgram("progress"), progress_file, "2"}, options);
    ASSERT_TRUE(WaitFor([&] { return AllHaveBegun(progress_file, 2); }));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
    process.Signal(SIGKILL);
    EXPECT_EQ(process.Wait().signal, SIGKILL);

    const std::vector<std::filesystem::path> dumps = DumpsIn(dir.path());
    ASSERT_EQ(dumps.size(), 1u);
    const nlohmann::json report = Report(dumps.front());
    EXPECT_EQ(Ended(report), "killed");
    EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
    ExpectPrefixes(dumps.front(), progress_file, report);
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
                    Ending{"terminate", -1, SIGABRT, "killed"},
                    Ending{"segv", -1, SIGSEGV, "killed"}, Ending{"at_exit", 17, 0, "exited"}),
    [](const auto& info) { return std::string(info.param.how); });

class BusyEndings : public testing::TestWithParam<Ending> {};

// Eight threads allocate while exit's handlers run, and after main has returned.
TEST_P(BusyEndings, StatusIsTheProgramsAndWhatWasRecordedIsAPrefix) {
  const Ending& ending = GetParam();
  constexpr size_t kThreads = 8;
  const bool is_plain_exit =
      ending.how == std::string("return") || ending.how == std::string("exit");
  const size_t runs = Repetitions("PERFAGENT_TEST_ENDS", is_plain_exit ? 13 : 3);
  std::mt19937 random(8);
  for (size_t run = 0; run < 2 * runs; ++run) {
    const bool full = run % 2 == 0;
    SCOPED_TRACE("run " + std::to_string(run) + (full ? ", full" : ", sample"));
    TempDir dir;
    const std::filesystem::path progress_file = dir / "progress";
    const Recording recording =
        Record({TestProgram("progress"), progress_file, std::to_string(kThreads), ending.how,
                std::to_string(random() % 1000)},
               full ? std::map<std::string, std::string>{{"MODE", "full"}}
                    : std::map<std::string, std::string>{{"INTERVAL", "4K"}});
    ASSERT_EQ(recording.process.exit_code, ending.exit_code) << recording.process.Describe();
    ASSERT_EQ(recording.process.signal, ending.signal) << recording.process.Describe();
    const nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(Ended(report), ending.ended);
    if (full) ExpectPrefixes(recording.dump(), progress_file, report);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BusyEndings,
    testing::Values(Ending{"return", 9, 0, "exited"}, Ending{"exit", 9, 0, "exited"},
                    Ending{"quick_exit", 9, 0, "exited"}, Ending{"_exit", 9, 0, "killed"},
                    Ending{"abort", -1, SIGABRT, "killed"}, Ending{"segv", -1, SIGSEGV, "killed"}),
    [](const auto& info) { return std::string(info.param.how); });

void WaitUntilItPauses(const BackgroundProcess& process) {
  const auto finished = [&] {
    const std::string state =
        ReadFile("/proc/" + std::to_string(process.pid()) + "/syscall");  // 34 is pause
    return state.starts_with("34 ");
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!finished() && std::chrono::steady_clock::now() < deadline) usleep(1000);
}

TEST(Running, ReportOfARunningProcessIsJustAReport) {
  TempDir dir;
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"MODE", "full"}});
  BackgroundProcess process({TestProgram("endings"), "wait"}, options);
  WaitUntilItPauses(process);
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

// What a program that still runs has not freed yet is no leak.
TEST(Running, WhatLivesIsCalledLeakedOnlyAfterTheEnd) {
  TempDir dir;
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"MODE", "full"}});
  BackgroundProcess process({TestProgram("endings"), "wait"}, options);
  WaitUntilItPauses(process);
  const std::vector<std::filesystem::path> dumps = DumpsIn(dir.path());
  ASSERT_EQ(dumps.size(), 1u);
  const auto summary = [&] { return RunProcess({Analyzer(), "report", "-n", "1", dumps[0]}).out; };
  const std::string running = summary();
  EXPECT_NE(running.find("\n  live "), std::string::npos) << running;
  EXPECT_EQ(running.find("\n  leaked "), std::string::npos) << running;
  process.Signal(SIGKILL);
  process.Wait();
  EXPECT_NE(summary().find("\n  leaked "), std::string::npos);
}

}  // namespace
}  // namespace perfagent::test

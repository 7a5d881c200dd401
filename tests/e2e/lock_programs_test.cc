// Locks of programs that nobody wrote for tests: they are reported, and the programs do the same as without the agent.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

constexpr double kThreads = 4, kLocksOfEach = 20'000;

// What a benchmark prints, but for the figures.
std::string WithoutNumbers(std::string text) {
  std::erase_if(text, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
  std::erase(text, ' ');
  return text;
}

nlohmann::json ReportLikeBare(const std::vector<std::string>& argv, const std::string& mode) {
  const ProcessResult bare = RunProcess(argv);
  const Recording recording = Record(argv, {{"MODE", mode}});
  EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  EXPECT_EQ(recording.process.err, bare.err);
  EXPECT_EQ(WithoutNumbers(recording.process.out), WithoutNumbers(bare.out));
  nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
  return report;
}

class SysbenchLocks : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Modes, SysbenchLocks, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

// One event of each thread takes so many locks at random out of an array, for an instant each: few are waited for.
TEST_P(SysbenchLocks, OfTheMutexTestAreCounted) {
  REQUIRE_PROGRAM("sysbench", "sysbench");
  const nlohmann::json report =
      ReportLikeBare({"sysbench", "--threads=4", "--time=0", "--events=4", "--mutex-num=4",
                      "--mutex-locks=20000", "--mutex-loops=2000", "mutex", "run"},
                     GetParam());
  const Estimate acquisitions = ToEstimate(report.at("locks").at("acquisitions"));
  // A thread may find that the events are used up.
  const double at_least = (kThreads - 1) * kLocksOfEach;
  if (GetParam() == "full") {
    EXPECT_GE(acquisitions.value, at_least);
  } else {
    EXPECT_GE(acquisitions.high, at_least);
  }
}

// Threads yield while they hold one of two locks: the others find it held.
TEST_P(SysbenchLocks, OfTheThreadsTestAreWaitedFor) {
  REQUIRE_PROGRAM("sysbench", "sysbench");
  const nlohmann::json report =
      ReportLikeBare({"sysbench", "--threads=4", "--time=0", "--events=1000", "--thread-yields=100",
                      "--thread-locks=2", "threads", "run"},
                     GetParam());
  EXPECT_GT(ContendedWaits(report), 100);
  EXPECT_GT(ToEstimate(report.at("locks").at("wait_ns")).value, 0);
}

}  // namespace
}  // namespace perfagent::test

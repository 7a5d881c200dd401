// Descriptors are the program's: it is given the same numbers, and what it has at any number is not touched.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

class Descriptors : public testing::TestWithParam<std::string> {
 protected:
  // Sampled so often that the agent has as much to do as it ever has.
  Surroundings Around() const {
    Surroundings around;
    around.settings = {{"MODE", GetParam()}, {"INTERVAL", "64"}};
    return around;
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, Descriptors, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST_P(Descriptors, TheProgramIsGivenTheSameNumbers) {
  const Recording recording = RecordLikeBare({TestProgram("descriptors"), "numbers"}, Around());
  EXPECT_NE(recording.process.out.find("open 3\npipe 4 5\n"), std::string::npos);
  ExpectWhole(recording.dumps);
}

// Of 0, 1 and 2 only 1 is open at the start: what the agent opens for a moment is given the others.
TEST_P(Descriptors, TheProgramIsGivenTheSameNumbersWhereStandardOnesAreFree) {
  const Recording recording = RecordLikeBare(
      {"sh", "-c", "exec \"$0\" numbers <&- 2>&-", TestProgram("descriptors")}, Around());
  EXPECT_NE(recording.process.out.find("open 0\npipe 2 3\n"), std::string::npos);
}

// The program's exit status says which byte was not its own.
TEST_P(Descriptors, ChannelsAtEveryNumberCarryTheProgramsBytesAlone) {
  const Recording recording = RecordLikeBare({TestProgram("descriptors"), "channels"}, Around());
  const std::vector<nlohmann::json> reports = ReportEach(recording.dumps);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_GE(ContendedWaits(reports.front()), 6 * 20);
}

// Calls between the program's two marks, in all its threads: name and how often.
std::map<std::string, size_t> CallsBetweenMarks(const std::string& trace) {
  std::map<std::string, size_t> calls;
  const std::regex call(R"(^(\[pid +\d+\] |\d+ +)?(\w+)\()");
  bool between = false;
  for (const std::string& line : Lines(trace)) {
    if (line.find("/perfagent-test-end") != std::string::npos) break;
    std::smatch match;
    if (between && std::regex_search(line, match, call)) ++calls[match[2]];
    if (line.find("/perfagent-test-begin") != std::string::npos) between = true;
  }
  EXPECT_TRUE(between) << trace.substr(0, 2000);
  return calls;
}

// What the work needs, and what the agent may: nothing of it names a descriptor, or makes one.
TEST_P(Descriptors, NoSystemCallOfTheAgentNamesADescriptorWhileItRecords) {
  REQUIRE_PROGRAM("strace", "strace");
  const std::set<std::string> allowed = {"brk",          "madvise",         "mmap",
                                         "mprotect",     "mremap",          "munmap",
                                         "futex",        "rt_sigaction",    "rt_sigprocmask",
                                         "rt_sigreturn", "clone",           "clone3",
                                         "exit",         "set_robust_list", "rseq",
                                         "getpid",       "gettid",          "tgkill",
                                         "sched_yield",  "prctl",           "clock_gettime",
                                         "getrusage",    "set_tid_address", "restart_syscall"};
  REQUIRE_PERMITTED(RunProcess({"strace", "-f", "true"}).Succeeded(), "tracing");
  TempDir dir;
  const fs::path trace = dir / "trace";
  std::vector<std::string> argv = {"strace", "-f", "-o", trace};
  for (const auto& [name, value] : AgentEnvironment(dir.path(), Around().settings)) {
    argv.insert(argv.end(), {"-E", name + "=" + value});
  }
  argv.insert(argv.end(), {TestProgram("descriptors"), "marked"});
  const ProcessResult result = RunProcess(argv);
  ASSERT_TRUE(result.Succeeded()) << result.Describe();
  const std::map<std::string, size_t> calls = CallsBetweenMarks(ReadFile(trace));
  EXPECT_GT(calls.at("futex"), 0u);
  for (const auto& [name, count] : calls) {
    EXPECT_TRUE(allowed.contains(name)) << name << ", " << count << " times";
  }
  ExpectWhole(DumpsIn(dir.path()));
}

// The agent has something to say: that it records, or that it lost events for want of room.
class ClosedAtStart : public testing::TestWithParam<std::map<std::string, std::string>> {};

TEST_P(ClosedAtStart, WhatTheProgramOpensAsStandardErrorHoldsItsOwnBytesAlone) {
  for (const std::string closed : {">&- 2>&-", "2>&-", "<&- >&- 2>&-"}) {
    SCOPED_TRACE(closed);
    TempDir dir;
    const auto argv = [&](const char* name) {
      const std::string start = "exec \"$0\" standard \"$1\" " + closed;
      return std::vector<std::string>{"sh", "-c", start, TestProgram("descriptors"), dir / name};
    };
    const ProcessResult bare = RunProcess(argv("bare"));
    ASSERT_EQ(bare.exit_code, 0);
    TempDir dumps;
    Surroundings around;
    around.settings = GetParam();
    around.settings["PROGRAMS"] = "descriptors";
    const ProcessResult watched = RunProcess(argv("watched"), WithAgent(around, dumps.path()));
    EXPECT_EQ(watched.exit_code, 0);
    EXPECT_EQ(ReadFile(dir / "watched"), ReadFile(dir / "bare"));
    EXPECT_EQ(DumpsIn(dumps.path()).size(), 1u);
  }
}

using Settings = std::map<std::string, std::string>;
INSTANTIATE_TEST_SUITE_P(All, ClosedAtStart,
                         testing::Values(Settings{{"MODE", "full"}, {"VERBOSE", "1"}},
                                         Settings{{"MODE", "full"}, {"MAX_SIZE", "128K"}},
                                         Settings{{"MODE", "fast"}}, Settings{{"VERBOSE", "1"}}),
                         [](const auto& info) { return "setting" + std::to_string(info.index); });

}  // namespace
}  // namespace perfagent::test

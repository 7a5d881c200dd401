// Once a program runs steadily, sampling makes few system calls, and only those that are listed here.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

// Every call that may be the agent's: in strace's words, with the arguments that make it the agent's.
const std::map<std::string, std::regex> kOfTheAgent = {
    {"madvise", std::regex(R"(, MADV_POPULATE_WRITE\b)")},  // the next part of a segment
    {"prctl", std::regex(R"(\(PR_GET_NAME, )")},            // a segment says whose it is
    {"clock_gettime", std::regex(R"(\(CLOCK_(PROCESS|THREAD)_CPUTIME_ID\b)")},
    {"getpid", std::regex(R"(^\()")},
    {"gettid", std::regex(R"(^\()")},
    {"tgkill", std::regex(R"(, 0\b)")},                  // is a stream's last owner gone?
    {"getrusage", std::regex(R"(^\(RUSAGE_THREAD, )")},  // how large the process has been
    {"rt_sigprocmask",
     std::regex(R"(\(0xffffffff /\*)")},  // is a page of the stack there? changes nothing
};

// The steady part of a trace: the calls by name, each with its arguments.
std::vector<std::pair<std::string, std::string>> SteadyCalls(const std::string& trace) {
  // The second half of a call that another one interrupted begins with "<..." and is passed over.
  const std::regex call(R"(^\d+ +(\w+)(\(.*)$)");
  std::vector<std::pair<std::string, std::string>> calls;
  int markers = 0;
  for (const std::string& line : Lines(trace)) {
    std::smatch match;
    if (!std::regex_match(line, match, call)) continue;
    if (match[1] == "getpriority") ++markers;
    if (markers == 1 && match[1] != "getpriority") calls.emplace_back(match[1], match[2]);
  }
  EXPECT_EQ(markers, 2) << "the program's marks are missing";
  return calls;
}

std::vector<std::pair<std::string, std::string>> Trace(const std::string& preload,
                                                       std::map<std::string, std::string> env) {
  TempDir dir;
  env.erase("LD_PRELOAD");
  ProcessOptions options;
  options.env = std::move(env);
  const ProcessResult result = RunProcess({"strace", "-f", "-qq", "-E", "LD_PRELOAD=" + preload,
                                           "-o", dir / "trace", TestProgram("steady")},
                                          options);
  EXPECT_TRUE(result.Succeeded()) << result.Describe();
  return SteadyCalls(ReadFile(dir / "trace"));
}

TEST(SystemCalls, OfASampledSteadyProgramAreFewAndListed) {
  REQUIRE_PROGRAM("strace", "strace");
  std::map<std::string, size_t> of_the_program;
  for (const auto& [name, arguments] : Trace("", {})) ++of_the_program[name];
  for (const char* interval : {"auto", "64K"}) {
    SCOPED_TRACE(interval);
    TempDir dir;
    size_t of_the_agent = 0, looks = 0;
    for (const auto& [name, arguments] :
         Trace(AgentLibrary(), AgentEnvironment(dir.path(), {{"INTERVAL", interval}}))) {
      const auto listed = kOfTheAgent.find(name);
      if (listed != kOfTheAgent.end() && std::regex_search(arguments, listed->second)) {
        ++(name == "getrusage" ? looks : of_the_agent);
      } else {
        EXPECT_TRUE(of_the_program.contains(name)) << name << arguments;
      }
    }
    // Thousands of samples of two million allocations: nothing like one call for each.
    ASSERT_EQ(DumpsIn(dir.path()).size(), 1u);
    const nlohmann::json report = Report(DumpsIn(dir.path()).front());
    EXPECT_FALSE(SitesBelow(report, "UseHeapAndLock").empty());
    EXPECT_LT(of_the_agent, 200u);
    const double ran_ns = report.at("processes").at(0).at("duration_ns");
    EXPECT_LE(looks, 1 + ran_ns / 1e7) << "a hundred a second";
  }
}

}  // namespace
}  // namespace perfagent::test

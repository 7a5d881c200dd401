// behaviour.h: runs a program without the agent and with it, and expects the same of both.
//
// Behaviour is what a program prints and how it ends. The programs in tests/e2e/programs print what else they observe,
// such as their open descriptors, and count their own allocations and waits (samples/truth.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/report.h"

namespace perfagent::test {

struct Surroundings {
  std::map<std::string, std::string> settings;  // PERFAGENT_ names without their prefix
  // Other libraries for LD_PRELOAD; without the agent they are preloaded too.
  std::string preload_before = "";
  std::string preload_after = "";
  // How many lines the agent may have to say on standard error, such as that it cannot see the heap.
  size_t lines_of_agent = 0;
  ProcessOptions options = {};
};

// The environment of `around`, without and with the agent (a copy of it, where another is named).
ProcessOptions WithoutAgent(const Surroundings& around);
ProcessOptions WithAgent(const Surroundings& around, const std::filesystem::path& dumps,
                         const std::string& agent = AgentLibrary());

// `lines_of_agent` as in Surroundings.
void ExpectSame(const ProcessResult& watched, const ProcessResult& bare, size_t lines_of_agent = 0);

// Runs the program without and with the agent, expects the same, and gives the second run.
Recording RecordLikeBare(const std::vector<std::string>& argv, const Surroundings& around);

// Nothing is lost, and in full mode allocations and frees alternate per address.
void ExpectWhole(const std::vector<std::filesystem::path>& dumps);

// The dump has exactly what the program counted about its functions, and, under `acquisitions`, how often it locked.
void ExpectTruth(const Recording& recording);
void ExpectTruth(const ProcessResult& process, const nlohmann::json& report);

// How many events were lost by the cause; by all causes together.
double Lost(const nlohmann::json& report, const std::string& cause);
double Lost(const nlohmann::json& report);

// How often a test repeats what happens at random moments: the environment's number, or the default.
size_t Repetitions(const char* variable, size_t by_default);

// Contended waits on all locks: exact in every mode.
double ContendedWaits(const nlohmann::json& report);

// The report of each dump alone, in the same order. Nothing may be lost.
std::vector<nlohmann::json> ReportEach(const std::vector<std::filesystem::path>& dumps);

// The values of `metric` below `function`, one for each report that has any, sorted.
std::vector<double> PerReport(const std::vector<nlohmann::json>& reports,
                              const std::string& function, const std::string& metric);

}  // namespace perfagent::test

// Ends the test, as skipped, when the machine does not permit what it needs; as failed under CI=true.
#define REQUIRE_PERMITTED(permitted, what)                \
  do {                                                    \
    if (!(permitted)) {                                   \
      if (::perfagent::test::InContinuousIntegration()) { \
        FAIL() << "not permitted here: " << (what);       \
      }                                                   \
      GTEST_SKIP() << "not permitted here: " << (what);   \
    }                                                     \
  } while (false)

#define REQUIRE_ROOT(why) REQUIRE_PERMITTED(geteuid() == 0, std::string("(not root) ") + (why))

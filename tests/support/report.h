// report.h: records programs under the agent and reads what the analyzer says about them.
//
// What is tested lies in the directory BUILD_DIR (default "build"): libperfagent.so,
// analyzer, samples/, tests/programs/.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace perfagent::test {

std::filesystem::path BuildDir();
std::string AgentLibrary();
std::string Analyzer();
std::string Sample(const std::string& name);
std::string TestProgram(const std::string& name);

// A program's run under the agent, and the dumps that it and its children left.
struct Recording {
  TempDir dir;
  ProcessResult process;
  std::vector<std::filesystem::path> dumps;  // sorted by name

  std::filesystem::path dump() const;  // the only one; throws when there is not exactly one
};

// The environment that preloads the agent and puts dumps in `dir`. `settings` are PERFAGENT_
// names without their prefix; LD_PRELOAD is put after the agent's own.
std::map<std::string, std::string> AgentEnvironment(
    const std::filesystem::path& dir, const std::map<std::string, std::string>& settings);

Recording Record(const std::vector<std::string>& argv,
                 const std::map<std::string, std::string>& settings, ProcessOptions options = {});

// Files in `dir` that begin with the magic of a dump, sorted by name.
std::vector<std::filesystem::path> DumpsIn(const std::filesystem::path& dir);

// `analyzer report --format json` of dumps. Throws unless it exits with `exit_code`.
nlohmann::json Report(const std::vector<std::filesystem::path>& dumps, int exit_code = 0);
nlohmann::json Report(const std::filesystem::path& dump, int exit_code = 0);

// A number of a report with its 95 % interval; a plain number is exact.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;

  bool Contains(double truth) const { return low <= truth && truth <= high; }
  bool IsExact() const { return low == value && value == high; }
};
Estimate ToEstimate(const nlohmann::json& number);

// "ns::LeakHere(unsigned long)" is named by "LeakHere" and by "ns::LeakHere", not by "Leak".
bool IsFunction(const std::string& reported, const std::string& name);
size_t CountFrames(const nlohmann::json& stack, const std::string& function);

// The sites whose stack contains `function`.
std::vector<nlohmann::json> SitesBelow(const nlohmann::json& report, const std::string& function);
// Blocks that free or realloc ended. The report has them apart (`frees`, `reallocations`); programs,
// heaptrack and valgrind count a realloc as a free and an allocation.
inline constexpr char kEndedBlocks[] = "frees + reallocations";
// The metric to compare a truth line's metric with.
std::string MetricOfTruth(const std::string& metric);
// Sum of a metric over sites; independent sites, so half-widths add in squares.
Estimate Sum(const std::vector<nlohmann::json>& sites, const std::string& metric);

// What a program says about itself in its last line (samples/truth.h).
struct FunctionTruth {
  std::string function;
  std::map<std::string, double> metrics;
};
struct ProcessTruth {
  std::map<std::string, std::string> values;
  std::vector<FunctionTruth> functions;

  double Number(const std::string& key) const;
};
// One per `pid=`, or per `lock=`; one in all where the line names neither.
std::vector<ProcessTruth> ParseTruth(const std::string& output);

// One line of `analyzer events`.
struct Event {
  uint64_t time_ns = 0;
  uint64_t tid = 0;
  std::string api;
  std::vector<std::string> fields;
};
// Calls `handle` for every heap or lock event of the dump.
void ForEachEvent(const std::filesystem::path& dump,
                  const std::function<void(const Event&)>& handle);

}  // namespace perfagent::test

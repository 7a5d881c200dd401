#include "tests/support/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "perfagent/dump_format.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

bool IsIdentifier(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

fs::path BuildDir() {
  const char* directory = std::getenv("BUILD_DIR");
  return fs::absolute(directory != nullptr && *directory != '\0' ? directory : "build");
}

std::string AgentLibrary() { return BuildDir() / "libperfagent.so"; }
std::string Analyzer() { return BuildDir() / "analyzer"; }
std::string Sample(const std::string& name) { return BuildDir() / "samples" / name; }
std::string TestProgram(const std::string& name) {
  return BuildDir() / "tests" / "programs" / name;
}

fs::path Recording::dump() const {
  if (dumps.size() != 1) {
    throw std::runtime_error(std::to_string(dumps.size()) +
                             " dumps, expected one; program: " + process.Describe());
  }
  return dumps.front();
}

std::map<std::string, std::string> AgentEnvironment(
    const fs::path& dir, const std::map<std::string, std::string>& settings) {
  if (!fs::exists(AgentLibrary())) throw std::runtime_error(AgentLibrary() + " is not built");
  std::map<std::string, std::string> env;
  env["LD_PRELOAD"] = AgentLibrary();
  env["PERFAGENT_OUTPUT"] = dir / "%e.%p.dump";
  for (const auto& [name, value] : settings) {
    if (name == "LD_PRELOAD") {
      env["LD_PRELOAD"] += " " + value;
    } else {
      env["PERFAGENT_" + name] = value;
    }
  }
  return env;
}

Recording Record(const std::vector<std::string>& argv,
                 const std::map<std::string, std::string>& settings, ProcessOptions options) {
  Recording recording;
  options.env.merge(AgentEnvironment(recording.dir.path(), settings));
  recording.process = RunProcess(argv, options);
  recording.dumps = DumpsIn(recording.dir.path());
  return recording;
}

std::vector<fs::path> DumpsIn(const fs::path& dir) {
  std::vector<fs::path> dumps;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
    uint64_t magic = 0;
    std::ifstream file(entry.path(), std::ios::binary);
    if (file.read(reinterpret_cast<char*>(&magic), sizeof magic) && magic == kDumpMagic) {
      dumps.push_back(entry.path());
    }
  }
  std::sort(dumps.begin(), dumps.end());
  return dumps;
}

nlohmann::json Report(const std::vector<fs::path>& dumps, int exit_code) {
  std::vector<std::string> argv = {Analyzer(), "report", "--format", "json"};
  argv.insert(argv.end(), dumps.begin(), dumps.end());
  const ProcessResult result = RunProcess(argv);
  if (result.exit_code != exit_code) {
    throw std::runtime_error("analyzer report: expected exit code " + std::to_string(exit_code) +
                             ", got " + result.Describe());
  }
  return nlohmann::json::parse(result.out);
}

nlohmann::json Report(const fs::path& dump, int exit_code) {
  return Report(std::vector<fs::path>{dump}, exit_code);
}

Estimate ToEstimate(const nlohmann::json& number) {
  if (number.is_number()) return {number.get<double>(), number.get<double>(), number.get<double>()};
  return {number.at("value").get<double>(), number.at("low").get<double>(),
          number.at("high").get<double>()};
}

bool IsFunction(const std::string& reported, const std::string& name) {
  for (size_t at = reported.find(name); at != std::string::npos; at = reported.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool begins = at == 0 || !IsIdentifier(reported[at - 1]);
    const bool ends = end == reported.size() || !IsIdentifier(reported[end]);
    if (begins && ends) return true;
    if (reported.find('(') < at) return false;  // a parameter's type
  }
  return false;
}

size_t CountFrames(const nlohmann::json& stack, const std::string& function) {
  return static_cast<size_t>(std::count_if(stack.begin(), stack.end(), [&](const auto& frame) {
    return IsFunction(frame.value("function", ""), function);
  }));
}

std::vector<nlohmann::json> SitesBelow(const nlohmann::json& report, const std::string& function) {
  std::vector<nlohmann::json> sites;
  for (const nlohmann::json& site : report.at("heap").at("sites")) {
    if (CountFrames(site.at("stack"), function) > 0) sites.push_back(site);
  }
  return sites;
}

std::string MetricOfTruth(const std::string& metric) {
  return metric == "frees" ? kEndedBlocks : metric;
}

Estimate Sum(const std::vector<nlohmann::json>& sites, const std::string& metric) {
  const std::vector<std::string> metrics = metric == kEndedBlocks
                                               ? std::vector<std::string>{"frees", "reallocations"}
                                               : std::vector<std::string>{metric};
  Estimate sum;
  double below = 0;
  double above = 0;
  for (const nlohmann::json& site : sites) {
    for (const std::string& name : metrics) {
      const Estimate part = ToEstimate(site.at(name));
      sum.value += part.value;
      below += (part.value - part.low) * (part.value - part.low);
      above += (part.high - part.value) * (part.high - part.value);
    }
  }
  sum.low = sum.value - std::sqrt(below);
  sum.high = sum.value + std::sqrt(above);
  return sum;
}

double ProcessTruth::Number(const std::string& key) const {
  const auto found = values.find(key);
  if (found == values.end()) throw std::runtime_error("the truth line has no " + key);
  return std::stod(found->second);
}

std::vector<ProcessTruth> ParseTruth(const std::string& output) {
  const std::vector<std::string> lines = Lines(output);
  if (lines.empty() || !lines.back().starts_with("truth ")) {
    throw std::runtime_error("no truth line at the end of: " + output);
  }
  std::vector<ProcessTruth> processes(1);
  std::istringstream words(lines.back().substr(6));
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    const bool is_subject = key == "pid" || key == "lock";
    if (is_subject && processes.back().values.contains(key)) processes.emplace_back();
    ProcessTruth& process = processes.back();
    if (key == "function") {
      process.functions.push_back({value, {}});
    } else if (process.functions.empty()) {
      process.values[key] = value;
    } else {
      process.functions.back().metrics[key] = std::stod(value);
    }
  }
  return processes;
}

void ForEachEvent(const fs::path& dump, const std::function<void(const Event&)>& handle) {
  const ProcessResult result = RunProcess({Analyzer(), "events", dump});
  if (!result.Succeeded()) throw std::runtime_error("analyzer events: " + result.Describe());
  std::istringstream stream(result.out);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    Event event;
    if (!(words >> event.time_ns >> event.tid)) continue;  // a heading, a module, a stack
    // `operator new` is two words.
    words >> event.api;
    if (event.api == "operator") {
      std::string word;
      words >> word;
      event.api += " " + word;
    }
    for (std::string field; words >> field;) event.fields.push_back(field);
    handle(event);
  }
}

}  // namespace perfagent::test

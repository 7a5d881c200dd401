#include "tests/support/behaviour.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

std::string Joined(const std::vector<std::string>& libraries) {
  std::string text;
  for (const std::string& library : libraries) {
    if (library.empty()) continue;
    text += (text.empty() ? "" : " ") + library;
  }
  return text;
}

}  // namespace

ProcessOptions WithoutAgent(const Surroundings& around) {
  ProcessOptions options = around.options;
  const std::string preload = Joined({around.preload_before, around.preload_after});
  if (!preload.empty()) options.env["LD_PRELOAD"] = preload;
  return options;
}

ProcessOptions WithAgent(const Surroundings& around, const fs::path& dumps,
                         const std::string& agent) {
  ProcessOptions options = around.options;
  options.env["LD_PRELOAD"] = Joined({around.preload_before, agent, around.preload_after});
  options.env.merge(AgentEnvironment(dumps, around.settings));
  return options;
}

void ExpectSame(const ProcessResult& watched, const ProcessResult& bare, size_t lines_of_agent) {
  EXPECT_EQ(watched.exit_code, bare.exit_code) << watched.Describe();
  EXPECT_EQ(watched.signal, bare.signal) << watched.Describe();
  EXPECT_EQ(watched.out, bare.out);
  std::string of_program;
  for (const std::string& line : Lines(watched.err)) {
    if (lines_of_agent > 0 && line.starts_with("perfagent: ")) {
      --lines_of_agent;
    } else {
      of_program += line + "\n";
    }
  }
  EXPECT_EQ(of_program, bare.err);
}

Recording RecordLikeBare(const std::vector<std::string>& argv, const Surroundings& around) {
  const ProcessResult bare = RunProcess(argv, WithoutAgent(around));
  EXPECT_TRUE(bare.Succeeded()) << "without the agent: " << bare.Describe();
  Recording recording;
  recording.process = RunProcess(argv, WithAgent(around, recording.dir.path()));
  ExpectSame(recording.process, bare, around.lines_of_agent);
  recording.dumps = DumpsIn(recording.dir.path());
  return recording;
}

void ExpectWhole(const std::vector<fs::path>& dumps) {
  ASSERT_FALSE(dumps.empty());
  for (const nlohmann::json& report : ReportEach(dumps)) {
    if (report.at("settings").at("mode") != "full") continue;
    EXPECT_EQ(report.at("heap").at("overlaps"), 0) << report.at("processes").dump();
    EXPECT_EQ(report.at("heap").at("unpaired_frees"), 0) << report.at("processes").dump();
  }
}

void ExpectTruth(const Recording& recording) {
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  ExpectTruth(recording.process, Report(recording.dump()));
}

void ExpectTruth(const ProcessResult& process, const nlohmann::json& report) {
  EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
  const ProcessTruth truth = ParseTruth(process.out).front();
  if (truth.values.contains("acquisitions")) {
    EXPECT_EQ(ToEstimate(report.at("locks").at("acquisitions")).value,
              truth.Number("acquisitions"));
  }
  for (const FunctionTruth& function : truth.functions) {
    const std::vector<nlohmann::json> sites = SitesBelow(report, function.function);
    for (const auto& [metric, expected] : function.metrics) {
      EXPECT_EQ(Sum(sites, MetricOfTruth(metric)).value, expected)
          << function.function << " " << metric;
    }
  }
}

double Lost(const nlohmann::json& report, const std::string& cause) {
  double lost = 0;
  for (const nlohmann::json& entry : report.at("loss").at("causes")) {
    if (entry.at("cause") == cause) lost += entry.at("count").get<double>();
  }
  return lost;
}

double Lost(const nlohmann::json& report) { return report.at("loss").at("total").get<double>(); }

size_t Repetitions(const char* variable, size_t by_default) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? std::stoul(value) : by_default;
}

double ContendedWaits(const nlohmann::json& report) {
  const Estimate contended = ToEstimate(report.at("locks").at("contended"));
  EXPECT_TRUE(contended.IsExact());
  return contended.value;
}

std::vector<nlohmann::json> ReportEach(const std::vector<fs::path>& dumps) {
  std::vector<nlohmann::json> reports;
  for (const fs::path& dump : dumps) {
    reports.push_back(Report(dump));
    const nlohmann::json& loss = reports.back().at("loss");
    EXPECT_EQ(loss.at("total"), 0) << dump << loss.dump();
    EXPECT_EQ(loss.at("damaged_bytes"), 0) << dump;
  }
  return reports;
}

std::vector<double> PerReport(const std::vector<nlohmann::json>& reports,
                              const std::string& function, const std::string& metric) {
  std::vector<double> values;
  for (const nlohmann::json& report : reports) {
    const std::vector<nlohmann::json> sites = SitesBelow(report, function);
    if (!sites.empty()) values.push_back(Sum(sites, metric).value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace perfagent::test

// What the samples say about themselves, against what is reported about them: exactly in full mode,
// within the printed intervals in sampled mode.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

using Arguments = std::vector<std::string>;

std::vector<std::string> Command(const std::string& sample, const Arguments& arguments) {
  std::vector<std::string> argv = {Sample(sample)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

// Every metric of every function that the truth names.
void ExpectExactly(const ProcessTruth& truth, const nlohmann::json& report) {
  for (const FunctionTruth& function : truth.functions) {
    const std::vector<nlohmann::json> sites = SitesBelow(report, function.function);
    EXPECT_FALSE(sites.empty()) << function.function;
    for (const auto& [metric, expected] : function.metrics) {
      const Estimate got = Sum(sites, MetricOfTruth(metric));
      EXPECT_EQ(got.value, expected) << function.function << " " << metric;
      EXPECT_TRUE(got.IsExact()) << function.function << " " << metric;
    }
  }
}

void ExpectNothingLost(const nlohmann::json& report) {
  EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
}

#define REQUIRE_SAMPLE(name)                                                                       \
  REQUIRE_INSTALLED(std::string(name) != "rust_leak" || !FindProgram(Sample("rust_leak")).empty(), \
                    "rustc", "rustc")

class FullMode : public testing::TestWithParam<std::string> {};

TEST_P(FullMode, IsExactlyTheTruth) {
  const std::string sample = GetParam();
  REQUIRE_SAMPLE(sample);
  const Recording recording = Record(Command(sample, {}), {{"MODE", "full"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  EXPECT_EQ(recording.process.err, "");
  const nlohmann::json report = Report(recording.dump());
  ExpectNothingLost(report);
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  ASSERT_FALSE(truth.functions.empty());
  ExpectExactly(truth, report);
}

INSTANTIATE_TEST_SUITE_P(Samples, FullMode,
                         testing::Values("leak", "churn", "deep_stack", "vector_growth",
                                         "thread_storm", "dlopen_loop", "rust_leak"),
                         [](const auto& info) { return info.param; });

TEST(DeepStack, HasEveryFrame) {
  for (const char* depth : {"1", "100", "200"}) {
    const Recording recording = Record(Command("deep_stack", {depth}), {{"MODE", "full"}});
    const nlohmann::json report = Report(recording.dump());
    const std::vector<nlohmann::json> sites = SitesBelow(report, "AllocateAtTheBottom");
    ASSERT_EQ(sites.size(), 1u) << depth;
    const nlohmann::json& site = sites.front();
    EXPECT_EQ(CountFrames(site.at("stack"), "Descend"), std::stoul(depth));
    EXPECT_EQ(CountFrames(site.at("stack"), "main"), 1u) << depth;
    EXPECT_EQ(site.at("truncated"), false) << depth;
  }
}

TEST(DeepStack, EndsAtDepthAndSaysSo) {
  const Recording recording =
      Record(Command("deep_stack", {"100"}), {{"MODE", "full"}, {"DEPTH", "20"}});
  const std::vector<nlohmann::json> sites =
      SitesBelow(Report(recording.dump()), "AllocateAtTheBottom");
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites.front().at("truncated"), true);
  EXPECT_GE(CountFrames(sites.front().at("stack"), "Descend"), 17u);
  EXPECT_LE(CountFrames(sites.front().at("stack"), "Descend"), 20u);
  EXPECT_EQ(Sum(sites, "allocations").value,
            ParseTruth(recording.process.out).front().functions.front().metrics.at("allocations"));
}

TEST(DlopenLoop, LeaksOfUnloadedLibrariesKeepTheirNames) {
  const Recording recording = Record(Command("dlopen_loop", {}), {{"MODE", "full"}});
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  ASSERT_GT(truth.Number("reused_pages"), 0) << "no library was mapped where the other was";
  for (const nlohmann::json& site : SitesBelow(Report(recording.dump()), "LoadAndUse")) {
    const nlohmann::json& stack = site.at("stack");
    if (CountFrames(stack, "PluginAllocate") > 0) {
      EXPECT_EQ(CountFrames(stack, "OtherAllocate"), 0u) << stack.dump(1);
    }
    for (const nlohmann::json& frame : stack) {
      const std::string module = frame.at("module");
      if (IsFunction(frame.at("function"), "PluginAllocate")) {
        EXPECT_TRUE(module.ends_with("libplugin.so")) << module;
      }
      if (IsFunction(frame.at("function"), "OtherAllocate")) {
        EXPECT_TRUE(module.ends_with("libother.so")) << module;
      }
    }
  }
}

TEST(ThreadStorm, EveryThreadIsThere) {
  const Recording recording = Record(Command("thread_storm", {"300"}), {{"MODE", "full"}});
  const nlohmann::json report = Report(recording.dump());
  const std::string info = RunProcess({Analyzer(), "events", recording.dump()}).out;
  std::map<std::string, int> names;
  for (const std::string& line : Lines(info)) {
    const size_t at = line.find(" thread storm-");
    if (line.starts_with("# ") && at != std::string::npos) ++names[line.substr(at + 8)];
  }
  EXPECT_EQ(names.size(), 300u) << "names of threads in the dump";
}

TEST(ForkExec, EachProcessHasItsOwnTruth) {
  const Recording recording = Record(Command("fork_exec", {}), {{"MODE", "full"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const std::vector<ProcessTruth> truths = ParseTruth(recording.process.out);
  ASSERT_EQ(truths.size(), 7u);
  // A child that replaced itself has two dumps: before and after.
  std::map<int, std::vector<nlohmann::json>> reports;
  for (const auto& dump : recording.dumps) {
    const nlohmann::json report = Report(dump);
    ExpectNothingLost(report);
    reports[report.at("processes").at(0).at("pid").get<int>()].push_back(report);
  }
  EXPECT_EQ(reports.size(), truths.size());
  for (const ProcessTruth& truth : truths) {
    const int pid = static_cast<int>(truth.Number("pid"));
    const FunctionTruth& function = truth.functions.front();
    for (const auto& [metric, expected] : function.metrics) {
      double got = 0;
      for (const nlohmann::json& report : reports[pid]) {
        got += Sum(SitesBelow(report, function.function), MetricOfTruth(metric)).value;
      }
      EXPECT_EQ(got, expected) << "pid " << pid << " " << metric;
    }
  }
}

TEST(ForkExec, ChildrenAreNotFollowedWhenIgnored) {
  const Recording recording =
      Record(Command("fork_exec", {}), {{"MODE", "full"}, {"CHILDREN", "ignore"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const nlohmann::json report = Report(recording.dump());
  ExpectExactly(ParseTruth(recording.process.out).front(), report);
}

const nlohmann::json* FindLock(const nlohmann::json& report, const std::string& name) {
  for (const nlohmann::json& lock : report.at("locks").at("objects")) {
    if (lock.at("name").get<std::string>().find(name) != std::string::npos) return &lock;
  }
  return nullptr;
}

class ContendedMutex : public testing::TestWithParam<std::string> {};

TEST_P(ContendedMutex, WaitsAreExactInEveryMode) {
  const Recording recording = Record(Command("contended_mutex", {}), {{"MODE", GetParam()}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const nlohmann::json report = Report(recording.dump());
  ExpectNothingLost(report);
  const nlohmann::json* lock = FindLock(report, truth.values.at("mutex"));
  ASSERT_NE(lock, nullptr) << report.at("locks").dump(1);
  const Estimate contended = ToEstimate(lock->at("contended"));
  EXPECT_EQ(contended.value, truth.Number("contended"));
  EXPECT_TRUE(contended.IsExact());
  // The program's clock runs around the agent's: it sees a little more, mostly the walk.
  const Estimate wait = ToEstimate(lock->at("wait_ns"));
  EXPECT_TRUE(wait.IsExact());
  EXPECT_LE(wait.value, truth.Number("wait_ns"));
  EXPECT_GE(wait.value, 0.9 * truth.Number("wait_ns"));
  // Each waiter waits at least as long as the mutex is held after it fell asleep.
  EXPECT_GE(wait.value, 2'000'000 * truth.Number("contended"));
}

INSTANTIATE_TEST_SUITE_P(Modes, ContendedMutex, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST(ContendedMutexInFullMode, EveryWaitHasTheWaitersStack) {
  const Recording recording = Record(Command("contended_mutex", {}), {{"MODE", "full"}});
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  const nlohmann::json report = Report(recording.dump());
  const nlohmann::json* lock = FindLock(report, truth.values.at("mutex"));
  ASSERT_NE(lock, nullptr);
  double waits = 0;
  for (const nlohmann::json& wait : lock->at("waits")) {
    EXPECT_GT(CountFrames(wait.at("waiter_stack"), truth.values.at("waiter")), 0u);
    EXPECT_EQ(CountFrames(wait.at("waiter_stack"), truth.values.at("holder")), 0u);
    waits += ToEstimate(wait.at("waits")).value;
  }
  EXPECT_EQ(waits, truth.Number("contended"));
}

TEST(ContendedMutexInFullMode, AcquisitionsAreAtLeastTheProgramsOwn) {
  const Recording recording = Record(Command("contended_mutex", {}), {{"MODE", "full"}});
  const Estimate acquisitions = ToEstimate(Report(recording.dump()).at("locks").at("acquisitions"));
  const double truth = ParseTruth(recording.process.out).front().Number("acquisitions");
  EXPECT_GE(acquisitions.value, truth);
  EXPECT_LE(acquisitions.value, truth + 50) << "libc and libstdc++ take a few";
}

// What the analyzer needs follows the live blocks and the sites, not the events.
TEST(LongRecording, IsReportedWithoutKeepingEvents) {
  REQUIRE_PROGRAM("prlimit", "util-linux");
  constexpr size_t kMemory = 48 << 20;  // 4,400,000 events of 12 bytes would need more
  const Recording recording = Record(Command("churn", {"2200000", "64"}), {{"MODE", "full"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const ProcessResult report = RunProcess(
      {"prlimit", "--data=" + std::to_string(kMemory), Analyzer(), "report", recording.dump()});
  EXPECT_EQ(report.exit_code, 0) << report.Describe();
  EXPECT_NE(report.out.find("2,200,000 calls"), std::string::npos) << report.out;
}

// ---- sampled --------------------------------------------------------------------------------

struct SampledCase {
  const char* sample;
  Arguments arguments;
  std::map<std::string, std::string> settings;
  std::vector<const char*> metrics;
  const char* name;
};
void PrintTo(const SampledCase& c, std::ostream* out) { *out << c.name; }

constexpr int kSeeds = 20;

class SampledMode : public testing::TestWithParam<SampledCase> {};

// Bytes between samples of a case; the agent's default where it sets none.
double IntervalOf(const SampledCase& c) {
  const auto found = c.settings.find("INTERVAL");
  return found == c.settings.end() ? 524288 : std::stod(found->second);
}

// Four standard errors of a mean over all seeds, relative: a metric that stands for `bytes` bytes has
// bytes / interval samples a run, and a relative error of one over the root of that.
double MeanTolerance(const SampledCase& c, double bytes) {
  return std::max(0.08, 4 / std::sqrt(bytes / IntervalOf(c) * kSeeds));
}

// The bytes behind a metric: its own, or its blocks at the function's mean size.
double BytesBehind(const FunctionTruth& function, const std::string& metric) {
  const double value = function.metrics.at(metric);
  if (metric.ends_with("bytes")) return value;
  return value * function.metrics.at("bytes") / function.metrics.at("allocations");
}

// A 95 % interval misses one seed of twenty on average. Six misses or more of twenty happen with
// probability 0.03 %: hence 15, because many metrics are tested and where the samples fall depends on
// the length of the program's path.
TEST_P(SampledMode, TruthIsWithinTheInterval) {
  const SampledCase& c = GetParam();
  REQUIRE_SAMPLE(c.sample);
  std::map<std::string, int> inside;
  std::map<std::string, double> sum;
  std::map<std::string, double> truths;
  std::map<std::string, double> tolerances;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    std::map<std::string, std::string> settings = c.settings;
    settings["SEED"] = std::to_string(seed);
    const Recording recording = Record(Command(c.sample, c.arguments), settings);
    ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    const nlohmann::json report = Report(recording.dump());
    ExpectNothingLost(report);
    const ProcessTruth truth_line = ParseTruth(recording.process.out).front();
    for (const FunctionTruth& function : truth_line.functions) {
      const std::vector<nlohmann::json> sites = SitesBelow(report, function.function);
      for (const char* metric : c.metrics) {
        const double truth = function.metrics.at(metric);
        if (truth == 0) {
          EXPECT_EQ(Sum(sites, MetricOfTruth(metric)).value, 0)
              << function.function << " " << metric;
          continue;
        }
        const std::string key = function.function + " " + metric;
        const Estimate estimate = Sum(sites, MetricOfTruth(metric));
        inside[key] += estimate.Contains(truth) ? 1 : 0;
        sum[key] += estimate.value;
        truths[key] = truth;
        tolerances[key] = MeanTolerance(c, BytesBehind(function, metric));
        EXPECT_LT(estimate.low, estimate.high) << key << ": an estimate, not exact";
      }
    }
  }
  ASSERT_FALSE(inside.empty());
  for (const auto& [key, count] : inside) {
    EXPECT_GE(count, 15) << key << ": intervals of " << kSeeds << " that contain the truth";
    EXPECT_NEAR(sum[key] / kSeeds, truths[key], tolerances[key] * truths[key]) << key << ": mean";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Samples, SampledMode,
    testing::Values(
        SampledCase{"leak",
                    {"20000", "48"},
                    {{"INTERVAL", "4096"}},
                    {"allocations", "bytes", "frees", "leaked_blocks", "leaked_bytes"},
                    "leak_4096"},
        SampledCase{"leak",
                    {"100000", "1024"},
                    {},
                    {"allocations", "bytes", "frees", "leaked_blocks", "leaked_bytes"},
                    "leak_default"},
        SampledCase{"churn",
                    {"20000", "64"},
                    {{"INTERVAL", "4096"}},
                    {"allocations", "bytes", "frees", "leaked_blocks", "leaked_bytes", "temporary"},
                    "churn_4096"},
        SampledCase{"churn",
                    {"1500000", "64"},
                    {},
                    {"allocations", "bytes", "frees", "leaked_blocks", "leaked_bytes", "temporary"},
                    "churn_default"},
        SampledCase{"deep_stack",
                    {"100", "20000", "32"},
                    {{"INTERVAL", "4096"}},
                    {"allocations", "bytes", "leaked_blocks"},
                    "deep_stack_4096"},
        SampledCase{"vector_growth",
                    {"20000", "300"},
                    {{"INTERVAL", "4096"}},
                    {"bytes", "leaked_bytes"},
                    "vector_growth_4096"},
        SampledCase{"thread_storm",
                    {"1000", "100", "64"},
                    {{"INTERVAL", "4096"}},
                    {"allocations", "bytes", "frees"},
                    "thread_storm_4096"},
        SampledCase{"dlopen_loop",
                    {"", "100", "200", "50"},
                    {{"INTERVAL", "4096"}},
                    {"allocations", "bytes", "leaked_bytes"},
                    "dlopen_loop_4096"},
        SampledCase{"rust_leak",
                    {"20000"},
                    {{"INTERVAL", "4096"}},
                    {"allocations", "bytes", "leaked_blocks", "leaked_bytes"},
                    "rust_leak_4096"}),
    [](const auto& info) { return std::string(info.param.name); });

// And not a method of the standard library's allocator.
TEST(RustProgram, TheFunctionThatLeaksIsThePlace) {
  REQUIRE_SAMPLE("rust_leak");
  const Recording recording = Record(Command("rust_leak", {"1000"}), {{"MODE", "full"}});
  const ProcessResult report =
      RunProcess({Analyzer(), "report", "--leaks", "-n", "1", recording.dump()});
  EXPECT_NE(report.out.find("[S1] rust_leak::leak_here ("), std::string::npos) << report.out;
}

TEST(SampledModeSeeds, TheSameSeedGivesTheSameEstimateAndAnotherSeedAnotherOne) {
  std::map<std::string, std::vector<double>> values;
  for (const char* seed : {"7", "7", "8"}) {
    const Recording recording =
        Record(Command("leak", {"20000", "48"}), {{"INTERVAL", "4096"}, {"SEED", seed}});
    values[seed].push_back(Sum(SitesBelow(Report(recording.dump()), "LeakHere"), "bytes").value);
  }
  EXPECT_EQ(values["7"][0], values["7"][1]);
  EXPECT_NE(values["7"][0], values["8"][0]);
}

}  // namespace
}  // namespace perfagent::test

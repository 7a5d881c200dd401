// `analyzer diff` and `analyzer check` on a program that is built twice: with one line that reserves, and without it
// (samples/one_reserve.cc). What changed is known, and so is that two runs of one build do not differ.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

using Settings = std::map<std::string, std::string>;
const Settings kFull = {{"MODE", "full"}};
const Settings kSampled = {{"MODE", "sample"}, {"INTERVAL", "4096"}};

Recording RecordSample(const std::string& sample, Settings settings, int seed = 1) {
  settings["SEED"] = std::to_string(seed);
  Recording recording = Record({Sample(sample)}, settings);
  if (!recording.process.Succeeded()) throw std::runtime_error(recording.process.Describe());
  return recording;
}

// Runs a program under the agent, its dump beside the others in `dir`.
void RecordInto(const TempDir& dir, const std::vector<std::string>& argv) {
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), kFull);
  const ProcessResult result = RunProcess(argv, options);
  if (!result.Succeeded()) throw std::runtime_error(result.Describe());
}

nlohmann::json Diff(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {Analyzer(), "diff", "--format", "json"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const ProcessResult result = RunProcess(argv);
  if (!result.Succeeded()) throw std::runtime_error(result.Describe());
  return nlohmann::json::parse(result.out);
}

std::vector<std::string> Named(const nlohmann::json& diff) {
  std::vector<std::string> names;
  for (const nlohmann::json& site : diff.at("heap").at("sites")) {
    if (site.at("named")) names.push_back(site.at("name"));
  }
  for (const nlohmann::json& lock : diff.at("locks").at("objects")) {
    if (lock.at("named")) names.push_back(lock.at("name"));
  }
  return names;
}

// The line of the source that contains `text`.
int LineOf(const std::string& text) {
  const std::vector<std::string> lines = Lines(ReadFile("samples/one_reserve.cc"));
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(text) != std::string::npos) return static_cast<int>(i) + 1;
  }
  throw std::runtime_error("no line has " + text);
}

class OneReserve : public testing::TestWithParam<Settings> {};

TEST_P(OneReserve, IsNamedFirstByItsLine) {
  const Recording before = RecordSample("one_reserve_before", GetParam());
  const Recording after = RecordSample("one_reserve", GetParam(), 2);
  const ProcessTruth truth = ParseTruth(after.process.out).front();
  const nlohmann::json diff = Diff({before.dump(), after.dump()});
  const std::vector<std::string> named = Named(diff);
  ASSERT_FALSE(named.empty());
  EXPECT_TRUE(IsFunction(named.front(), "ReadOrders")) << named.front();
  const nlohmann::json& site = diff.at("heap").at("sites").at(0);
  EXPECT_EQ(site.at("stack").at(0).at("line"), LineOf("  ids.reserve("));
  // Two lines are missing above it: the comment and the call that name reserve.
  EXPECT_EQ(site.at("base_line"), LineOf("ids.push_back(") - 2);
  const Estimate change = ToEstimate(site.at("allocations").at("change"));
  EXPECT_TRUE(change.Contains(truth.Number("reserved") - truth.Number("grown")))
      << site.at("allocations").dump();
  EXPECT_EQ(site.at("allocations").at("verdict"), change.IsExact() ? "fact" : "changed");
}

TEST_P(OneReserve, OnTheOtherSideIsARegression) {
  const Recording before = RecordSample("one_reserve_before", GetParam());
  const Recording after = RecordSample("one_reserve", GetParam(), 2);
  const ProcessResult worse =
      RunProcess({Analyzer(), "check", "--baseline", after.dump(), before.dump()});
  EXPECT_EQ(worse.exit_code, 1) << worse.Describe();
  EXPECT_NE(worse.out.find("::error title=perfagent::regression: "), std::string::npos)
      << worse.out;
  EXPECT_NE(worse.out.find("ReadOrders"), std::string::npos) << worse.out;
  const ProcessResult better =
      RunProcess({Analyzer(), "check", "--baseline", before.dump(), after.dump()});
  EXPECT_EQ(better.exit_code, 0) << better.out << better.Describe();
}

// Pairs of runs of one build, which differ in nothing but what was sampled: 5 % of them may name something. Seeds are fixed,
// so that the same is found each time. PERFAGENT_DIFF_PAIRS asks for more pairs than the 20.
TEST_P(OneReserve, OfOneBuildTwiceNothingIsNamed) {
  const char* wanted = std::getenv("PERFAGENT_DIFF_PAIRS");
  const int pairs = wanted == nullptr ? 20 : std::atoi(wanted);
  int false_alarms = 0;
  for (int pair = 0; pair < pairs; ++pair) {
    const Recording one = RecordSample("one_reserve", GetParam(), 2 * pair + 1);
    const Recording other = RecordSample("one_reserve", GetParam(), 2 * pair + 2);
    const std::vector<std::string> named = Named(Diff({one.dump(), other.dump()}));
    if (named.empty()) continue;
    ++false_alarms;
    printf("pair %d: %s\n", pair, named.front().c_str());
  }
  printf("%d of %d pairs of one build name something\n", false_alarms, pairs);
  EXPECT_LE(false_alarms, pairs / 20);
}

INSTANTIATE_TEST_SUITE_P(Modes, OneReserve, testing::Values(kFull, kSampled),
                         [](const auto& info) { return info.param.at("MODE"); });

TEST(Diff, DirectoriesAreSidesAndTheirRunsAreAveraged) {
  const TempDir base, now;
  for (int run = 0; run < 2; ++run) {
    RecordInto(base, {Sample("one_reserve_before")});
  }
  for (int run = 0; run < 3; ++run) {
    RecordInto(now, {Sample("one_reserve")});
  }
  const nlohmann::json diff = Diff({base.path(), now.path()});
  EXPECT_EQ(diff.at("base").at("runs"), 2);
  EXPECT_EQ(diff.at("new").at("runs"), 3);
  EXPECT_EQ(diff.at("heap").at("sites").at(0).at("allocations").at("base").at("value"), 2200);
  EXPECT_EQ(diff.at("heap").at("sites").at(0).at("allocations").at("new").at("value"), 200);

  std::vector<std::string> listed;
  for (const auto& dump : DumpsIn(base.path())) listed.push_back(dump);
  listed.push_back("--to");
  for (const auto& dump : DumpsIn(now.path())) listed.push_back(dump);
  EXPECT_EQ(Diff(listed).at("heap"), diff.at("heap")) << "file by file it is the same";
}

// Children belong to the run of their parent: the average of one run is what all of its processes did.
TEST(Diff, AProcessAndItsChildrenAreOneRun) {
  const Recording recording = Record({Sample("fork_exec")}, kFull);
  ASSERT_GT(recording.dumps.size(), 1u);
  const nlohmann::json diff = Diff({recording.dir.path(), recording.dir.path()});
  EXPECT_EQ(diff.at("base").at("runs"), 1);
  EXPECT_EQ(diff.at("base").at("processes"), recording.dumps.size());
  EXPECT_EQ(diff.at("heap").at("total").at("allocations").at("base").at("value"),
            Report(recording.dumps).at("heap").at("allocations").at("value"));
  EXPECT_TRUE(Named(diff).empty());
}

TEST(Diff, WaitsOfSeveralRunsAreJudged) {
  const TempDir base, more;
  const auto record = [](const TempDir& dir, const char* waits) {
    for (int run = 0; run < 3; ++run) {
      RecordInto(dir, {Sample("lock_holders"), "one", waits});
    }
  };
  record(base, "10");

  record(more, "100");
  const nlohmann::json changed = Diff({base.path(), more.path()});
  const nlohmann::json& lock = changed.at("locks").at("objects").at(0);
  EXPECT_EQ(lock.at("name"), "hot_mutex");
  EXPECT_EQ(lock.at("contended").at("verdict"), "changed") << lock.at("contended").dump();
  const nlohmann::json one_run = Diff({DumpsIn(base.path()).front(), DumpsIn(more.path()).front()});
  EXPECT_EQ(one_run.at("locks").at("objects").at(0).at("contended").at("verdict"), "unjudged");
}

// ---- exit codes -----------------------------------------------------------------------------------------------------

class ExitCodes : public testing::Test {
 protected:
  static const Recording& Dump() {
    static const Recording recording = RecordSample("leak", kFull);
    return recording;
  }
  ProcessResult Run(std::vector<std::string> argv) {
    argv.insert(argv.begin(), Analyzer());
    ProcessOptions options;
    options.cwd = dir_.path();
    return RunProcess(argv, options);
  }
  int Check(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "check");
    arguments.push_back(Dump().dump());
    result_ = Run(arguments);
    return result_.exit_code;
  }

  TempDir dir_;
  ProcessResult result_;
};

TEST_F(ExitCodes, OfDiff) {
  const std::string dump = Dump().dump();
  EXPECT_EQ(Run({"diff", dump, dump}).exit_code, 0);
  EXPECT_EQ(Run({"diff", dump}).exit_code, 2);
  EXPECT_EQ(Run({"diff", dump, dump, dump}).exit_code, 2);
  EXPECT_EQ(Run({"diff", dump, dump, "--to", dump}).exit_code, 0);
  EXPECT_EQ(Run({"diff", dump, dump, "--format", "xml"}).exit_code, 2);
  EXPECT_EQ(Run({"diff", dump, "missing"}).exit_code, 4);
  EXPECT_EQ(Run({"diff", dump, dump, "missing", "--to", dump}).exit_code, 3);
  EXPECT_EQ(Run({"diff", dump, dump, "-o", dump}).exit_code, 2);
}

TEST_F(ExitCodes, OfCheck) {
  const double leaked =
      ParseTruth(Dump().process.out).front().functions.front().metrics.at("leaked_bytes");
  const std::string exactly = std::to_string(static_cast<long>(leaked));
  EXPECT_EQ(Check({}), 2);
  EXPECT_EQ(Check({"--require", "leaked_bytes<1MB"}), 2);
  EXPECT_NE(result_.err.find("position"), std::string::npos) << result_.err;
  EXPECT_EQ(Check({"--require", "leaked_bytes==" + exactly}), 0) << result_.out;
  EXPECT_EQ(Check({"--require", "leaked_bytes<" + exactly}), 1);
  EXPECT_NE(result_.out.find("\n::error title=perfagent::leaked_bytes<"), std::string::npos);
  EXPECT_NE(result_.out.find("\nperfagent: 1 checked, 1 failed, 0 undecided\n"), std::string::npos);
  EXPECT_EQ(Check({"--require", "leaked_bytes==" + exactly, "missing"}), 3);
  EXPECT_EQ(Check({"--require", "leaked_bytes<1", "missing"}), 1) << "what fails outweighs";
  EXPECT_EQ(Run({"check", "--require", "bytes>0", "missing"}).exit_code, 4);
  EXPECT_EQ(Check({"--baseline", "missing"}), 4);
  EXPECT_EQ(Check({"--require", "bytes>0", "--tolerance", "-1"}), 2);
  EXPECT_NE(result_.err.find("expected a number of percent from 0 on, got -1"), std::string::npos);
  EXPECT_EQ(Check({"--require", "bytes>0", "--junit", "no/such/directory"}), 2);
}

TEST_F(ExitCodes, OfSuppressions) {
  const auto with = [&](const std::string& text) {
    WriteFile(dir_ / "supp", text);
    return Check({"--suppressions", "supp", "--require", "leaked_bytes==0"});
  };
  EXPECT_EQ(with("# nothing\n"), 1);
  const std::string function = ParseTruth(Dump().process.out).front().functions.front().function;
  EXPECT_EQ(with("leak:" + function + " owner=me expires=9999-12-31\n"), 0) << result_.out;
  EXPECT_EQ(with("leak:" + function + " owner=me expires=2000-01-01\n"), 1);
  EXPECT_NE(result_.err.find("supp:1: expired on 2000-01-01 (owner me)"), std::string::npos);
  EXPECT_EQ(with("leak:" + function + "\n"), 2);
  EXPECT_NE(result_.err.find("supp:1: expected an owner=NAME"), std::string::npos) << result_.err;
}

TEST_F(ExitCodes, OfABaselineFile) {
  EXPECT_EQ(Check({"--write-baseline", "base.json"}), 0);
  EXPECT_EQ(Check({"--baseline", "base.json"}), 0) << result_.out;
  EXPECT_EQ(Check({"--baseline", Dump().dump()}), 0) << result_.out;
  const std::string text = ReadFile(dir_ / "base.json");
  WriteFile(dir_ / "base.json", text.substr(0, text.size() / 2));
  EXPECT_EQ(Check({"--baseline", "base.json"}), 2);
  EXPECT_NE(result_.err.find("base.json: neither a dump nor a baseline"), std::string::npos);
}

}  // namespace
}  // namespace perfagent::test

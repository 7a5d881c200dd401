// Every function of the malloc family and every kind of mutex and rwlock behaves under the agent as without
// it, and is counted as what it is.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

class EntryPoints : public testing::TestWithParam<std::string> {};

TEST_P(EntryPoints, OutputIsTheSameWithTheAgent) {
  const ProcessResult bare = RunProcess({TestProgram("entry_points")});
  ASSERT_TRUE(bare.Succeeded()) << bare.Describe();
  const Recording recording = Record({TestProgram("entry_points")}, {{"MODE", GetParam()}});
  EXPECT_EQ(recording.process.exit_code, 0) << recording.process.Describe();
  EXPECT_EQ(recording.process.out, bare.out);
  EXPECT_EQ(recording.process.err, bare.err);
}

// Many tables of the agent are used only when a sample is taken: take one of every call.
TEST(EntryPointsSampledDensely, OutputIsTheSameWithTheAgent) {
  const ProcessResult bare = RunProcess({TestProgram("entry_points")});
  for (const char* interval : {"1", "64", "1024"}) {
    const Recording recording =
        Record({TestProgram("entry_points")}, {{"INTERVAL", interval}, {"SEED", "3"}});
    EXPECT_EQ(recording.process.exit_code, 0) << recording.process.Describe();
    EXPECT_EQ(recording.process.out, bare.out) << interval;
    EXPECT_EQ(recording.process.err, bare.err) << interval;
  }
}

// Each function that the agent exports, by its name in the table. The C23 ones are in no libc that is meant to be there.
TEST(EntryPointsErrno, EveryCallLeavesWhatItLeavesWithoutTheAgent) {
  REQUIRE_PROGRAM("nm", "binutils");
  const std::vector<std::string> argv = {TestProgram("errno_table")};
  const std::map<std::string, std::string> kModes[] = {
      {{"MODE", "full"}}, {{"INTERVAL", "1"}}, {{"MODE", "sample"}}, {{"MODE", "off"}}};
  std::string table;
  for (const auto& settings : kModes) {
    SCOPED_TRACE(settings.begin()->second);
    table = RecordLikeBare(argv, {.settings = settings}).process.out;
  }
  const ProcessResult exported = RunProcess({"nm", "-D", "--defined-only", AgentLibrary()});
  ASSERT_TRUE(exported.Succeeded()) << exported.Describe();
  for (const std::string& line : Lines(exported.out)) {
    std::string name = line.substr(line.rfind(' ') + 1);
    name = name.substr(0, name.find('@'));
    if (name == "free_sized" || name == "free_aligned_sized") continue;
    EXPECT_NE(("\n" + table).find("\n" + name + ": "), std::string::npos) << name;
  }
}

// A table of calls and what they returned, line by line.
void ExpectSameTable(const std::string& program, const std::string& mode) {
  ProcessOptions options;
  options.timeout = std::chrono::seconds(30);
  const ProcessResult bare = RunProcess({TestProgram(program)}, options);
  ASSERT_TRUE(bare.Succeeded()) << bare.Describe();
  const Recording recording = Record({TestProgram(program)}, {{"MODE", mode}}, options);
  EXPECT_EQ(recording.process.exit_code, 0) << recording.process.Describe();
  EXPECT_EQ(recording.process.err, bare.err);
  const std::vector<std::string> expected = Lines(bare.out);
  const std::vector<std::string> got = Lines(recording.process.out);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], expected[i]) << "line " << i + 1;
}

TEST_P(EntryPoints, MutexesReturnTheSameWithTheAgent) {
  ExpectSameTable("mutex_semantics", GetParam());
}

TEST_P(EntryPoints, RwlocksReturnTheSameWithTheAgent) {
  ExpectSameTable("rwlock_semantics", GetParam());
}

TEST_P(EntryPoints, WaitsReturnTheSameWithTheAgent) {
  ExpectSameTable("wait_semantics", GetParam());
}

TEST_P(EntryPoints, WaitsMayBeCancelledInterruptedAndLeftAsWithoutTheAgent) {
  ExpectSameTable("wait_endings", GetParam());
}

TEST_P(EntryPoints, FutexesReturnTheSameWithTheAgent) {
  ExpectSameTable("futex_results", GetParam());
}

INSTANTIATE_TEST_SUITE_P(Modes, EntryPoints, testing::Values("full", "sample", "off"),
                         [](const auto& info) { return info.param; });

TEST(EntryPointsInFullMode, EachCallIsCountedOnceAsItself) {
  const std::map<std::string, std::string> apis = {
      {"CallMalloc", "malloc"},
      {"CallCalloc", "calloc"},
      {"CallRealloc", "realloc"},
      {"CallReallocArray", "reallocarray"},
      {"CallMemalign", "memalign"},
      {"CallAlignedAlloc", "aligned_alloc"},
      {"CallPosixMemalign", "posix_memalign"},
      {"CallValloc", "valloc"},
      {"CallPvalloc", "pvalloc"},
      {"CallUsableSize", "malloc"},
      {"CallNew", "operator new"},
      {"CallNewArray", "operator new[]"},
  };
  const Recording recording = Record({TestProgram("entry_points")}, {{"MODE", "full"}});
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(report.at("loss").at("total"), 0);
  EXPECT_EQ(report.at("heap").at("overlaps"), 0);
  EXPECT_EQ(report.at("heap").at("unpaired_frees"), 0);
  const ProcessTruth truth = ParseTruth(recording.process.out).front();
  ASSERT_EQ(truth.functions.size(), apis.size());
  for (const FunctionTruth& function : truth.functions) {
    const std::vector<nlohmann::json> sites = SitesBelow(report, function.function);
    EXPECT_FALSE(sites.empty()) << function.function;
    for (const nlohmann::json& site : sites) {
      // libstdc++'s operator new calls malloc: then it is that call's caller that says new.
      const std::string leaf = site.at("stack").at(0).at("function");
      const std::string api = leaf.starts_with("operator new") && site.at("api") != "realloc"
                                  ? apis.at(function.function)
                                  : site.at("api").get<std::string>();
      EXPECT_EQ(api, apis.at(function.function)) << function.function;
    }
    for (const auto& [metric, expected] : function.metrics) {
      EXPECT_EQ(Sum(sites, MetricOfTruth(metric)).value, expected)
          << function.function << " " << metric;
    }
  }
}

// They are there under the agent, though libc has them only from 2.43 on: as free.
TEST(EntryPointsInFullMode, SizedFreesAreFrees) {
  const ProcessResult bare = RunProcess({TestProgram("sized_free")});
  ASSERT_TRUE(bare.Succeeded()) << bare.Describe();
  const Recording recording = Record({TestProgram("sized_free")}, {{"MODE", "full"}});
  EXPECT_EQ(recording.process.exit_code, 0) << recording.process.Describe();
  EXPECT_EQ(recording.process.out, bare.out);
  const nlohmann::json report = Report(recording.dump());
  const ProcessTruth truth = ParseTruth(bare.out).front();
  for (const FunctionTruth& function : truth.functions) {
    for (const auto& [metric, expected] : function.metrics) {
      EXPECT_EQ(Sum(SitesBelow(report, function.function), MetricOfTruth(metric)).value, expected)
          << metric;
    }
  }
}

TEST(EntryPointsInFullMode, ValgrindCountsTheSame) {
  REQUIRE_PROGRAM("valgrind", "valgrind");
  const ProcessResult valgrind = RunProcess(
      {"valgrind", "--run-libc-freeres=no", "--run-cxx-freeres=no", TestProgram("plain_heap")});
  ASSERT_TRUE(valgrind.Succeeded()) << valgrind.Describe();
  // ==1== total heap usage: 5,000 allocs, 4,936 frees, 7,466,146 bytes allocated
  const std::string marker = "total heap usage: ";
  const size_t at = valgrind.err.find(marker);
  ASSERT_NE(at, std::string::npos) << valgrind.err;
  std::string text;
  for (const char c : valgrind.err.substr(at + marker.size(), 200)) {
    if (c != ',') text += c;
  }
  unsigned long allocations = 0, frees = 0, bytes = 0;
  ASSERT_EQ(
      std::sscanf(text.c_str(), "%lu allocs %lu frees %lu bytes", &allocations, &frees, &bytes), 3)
      << text;
  const Recording recording = Record({TestProgram("plain_heap")}, {{"MODE", "full"}});
  const nlohmann::json heap = Report(recording.dump()).at("heap");
  EXPECT_EQ(Sum({heap}, "allocations").value, allocations);
  EXPECT_EQ(Sum({heap}, "bytes").value, bytes);
  EXPECT_EQ(Sum({heap}, kEndedBlocks).value, frees);
}

}  // namespace
}  // namespace perfagent::test

// The settings in the environment: what they do, and what a bad one does.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <ostream>
#include <regex>
#include <string>

#include "tests/support/report.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> FileNames(const fs::path& dir) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct BadSetting {
  const char* variable;
  const char* value;
};
void PrintTo(const BadSetting& setting, std::ostream* out) {
  *out << setting.variable << "=" << setting.value;
}

class BadSettings : public testing::TestWithParam<BadSetting> {};

TEST_P(BadSettings, OneLineNamesVariableAndValueAndTheProgramRuns) {
  const BadSetting& bad = GetParam();
  const ProcessResult bare = RunProcess({Sample("leak")});
  const Recording recording = Record({Sample("leak")}, {{bad.variable, bad.value}});
  EXPECT_EQ(recording.process.exit_code, bare.exit_code) << recording.process.Describe();
  EXPECT_EQ(recording.process.out, bare.out);
  const std::vector<std::string> lines = Lines(recording.process.err);
  ASSERT_EQ(lines.size(), 1u) << recording.process.err;
  EXPECT_NE(lines[0].find(std::string("PERFAGENT_") + bad.variable), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find(bad.value), std::string::npos) << lines[0];
  // The default is used.
  const nlohmann::json settings = Report(recording.dump()).at("settings");
  const Recording defaults = Record({Sample("leak")}, {});
  nlohmann::json expected = Report(defaults.dump()).at("settings");
  nlohmann::json got = settings;
  got.erase("seed");
  expected.erase("seed");
  EXPECT_EQ(got, expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadSettings,
    testing::Values(BadSetting{"MODE", "fast"}, BadSetting{"HEAP", "yes please"},
                    BadSetting{"LOCKS", "2"}, BadSetting{"INTERVAL", "12 parsecs"},
                    BadSetting{"INTERVAL", "-4096"}, BadSetting{"INTERVAL", "0"},
                    BadSetting{"BUDGET", "lots"}, BadSetting{"MAX_SIZE", "1X"},
                    BadSetting{"MAX_SIZE", "99999999999999999999"}, BadSetting{"DEPTH", "0"},
                    BadSetting{"DEPTH", "5000000"}, BadSetting{"START", "maybe"},
                    BadSetting{"CHILDREN", "adopt"}, BadSetting{"SEED", "0x"},
                    BadSetting{"VERBOSE", "loud"}, BadSetting{"CLOCK", "hpet"}),
    [](const auto& info) {
      return std::string(info.param.variable) + "_" + std::to_string(info.index);
    });

TEST(Settings, ABadValueIsToldWhatIsAllowed) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "fast"}});
  for (const char* allowed : {"sample", "full", "off"}) {
    EXPECT_NE(recording.process.err.find(allowed), std::string::npos) << recording.process.err;
  }
}

TEST(Settings, NothingIsPrintedUnlessVerbose) {
  const Recording quiet = Record({Sample("leak")}, {});
  EXPECT_EQ(quiet.process.err, "");
  const Recording verbose = Record({Sample("leak")}, {{"VERBOSE", "1"}});
  EXPECT_NE(verbose.process.err, "");
  EXPECT_EQ(verbose.process.out, quiet.process.out);
}

TEST(Settings, OutputPatternIsFilledIn) {
  TempDir dir;
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"OUTPUT", dir / "e=%e,p=%p,h=%h,t=%t.dump"}});
  const time_t before = time(nullptr);
  const ProcessResult result = RunProcess({Sample("leak")}, options);
  const time_t after = time(nullptr);
  ASSERT_TRUE(result.Succeeded()) << result.Describe();
  const std::vector<std::string> names = FileNames(dir.path());
  ASSERT_EQ(names.size(), 1u);
  std::smatch match;
  ASSERT_TRUE(std::regex_match(names[0], match, std::regex("e=(.*),p=(.*),h=(.*),t=(.*)\\.dump")))
      << names[0];
  EXPECT_EQ(match[1], "leak");
  EXPECT_EQ(match[2], std::to_string(result.pid));
  EXPECT_EQ(match[3], host);
  EXPECT_GE(std::stoll(match[4]), before);
  EXPECT_LE(std::stoll(match[4]), after);
}

TEST(Settings, DefaultNameIsInTheWorkingDirectory) {
  TempDir dir;
  ProcessOptions options;
  options.env["LD_PRELOAD"] = AgentLibrary();
  options.cwd = dir.path();
  const ProcessResult result = RunProcess({Sample("leak")}, options);
  EXPECT_EQ(FileNames(dir.path()),
            std::vector<std::string>{"perfagent.leak." + std::to_string(result.pid) + ".dump"});
}

TEST(Settings, ExistingFilesAreNeverOverwritten) {
  TempDir dir;
  WriteFile(dir / "x.dump", "something dear");
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"OUTPUT", dir / "x.dump"}});
  for (int run = 0; run < 3; ++run) {
    const ProcessResult result = RunProcess({Sample("leak")}, options);
    ASSERT_TRUE(result.Succeeded()) << result.Describe();
    EXPECT_EQ(result.err, "");
  }
  EXPECT_EQ(FileNames(dir.path()),
            (std::vector<std::string>{"x.dump", "x.dump.1", "x.dump.2", "x.dump.3"}));
  EXPECT_EQ(ReadFile(dir / "x.dump"), "something dear");
  EXPECT_EQ(DumpsIn(dir.path()).size(), 3u);
}

TEST(Settings, ADirectoryThatDoesNotExistLeavesTheProgramAlone) {
  TempDir dir;
  const ProcessResult bare = RunProcess({Sample("leak")});
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"OUTPUT", dir / "missing/x.dump"}});
  const ProcessResult result = RunProcess({Sample("leak")}, options);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, bare.out);
  EXPECT_EQ(Lines(result.err).size(), 1u) << "says once that nothing is recorded: " << result.err;
}

TEST(Settings, HoldInChildrenOfAProgramThatOverwritesItsEnvironment) {
  const Recording recording = Record({TestProgram("title")}, {{"MODE", "full"}});
  EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  EXPECT_EQ(recording.process.err, "");
  EXPECT_EQ(recording.dumps.size(), 2u) << "the program's and its child's";
}

TEST(Settings, OffLeavesNoFile) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "off"}});
  EXPECT_TRUE(recording.process.Succeeded());
  EXPECT_EQ(recording.process.err, "");
  EXPECT_TRUE(fs::is_empty(recording.dir.path()));
}

TEST(Settings, HeapCanBeLeftOut) {
  const Recording recording =
      Record({Sample("contended_mutex")}, {{"MODE", "full"}, {"HEAP", "0"}});
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(ToEstimate(report.at("heap").at("allocations")).value, 0);
  EXPECT_GE(ToEstimate(report.at("locks").at("contended")).value,
            ParseTruth(recording.process.out).front().Number("contended"));
}

TEST(Settings, LocksCanBeLeftOut) {
  const Recording recording =
      Record({Sample("contended_mutex")}, {{"MODE", "full"}, {"LOCKS", "0"}});
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(ToEstimate(report.at("locks").at("contended")).value, 0);
  EXPECT_EQ(ToEstimate(report.at("locks").at("acquisitions")).value, 0);
  EXPECT_GT(ToEstimate(report.at("heap").at("allocations")).value, 0);
}

TEST(Settings, ProgramsThatAreNotNamedAreNotRecorded) {
  const Recording other = Record({Sample("leak")}, {{"PROGRAMS", "churn,dee*"}});
  EXPECT_TRUE(other.process.Succeeded());
  EXPECT_TRUE(other.dumps.empty());
  const Recording named = Record({Sample("leak")}, {{"PROGRAMS", "churn,le*"}});
  EXPECT_EQ(named.dumps.size(), 1u);
}

TEST(Settings, PausedFromTheStartRecordsNothing) {
  const Recording recording = Record({Sample("leak")}, {{"MODE", "full"}, {"START", "paused"}});
  EXPECT_TRUE(recording.process.Succeeded());
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(ToEstimate(report.at("heap").at("allocations")).value, 0);
}

// A segment for each of some threads, and more threads than segments: what does not fit is counted, and said once.
TEST(Settings, MaxSizeIsKeptAndTheRestIsCounted) {
  const Recording recording =
      Record({Sample("thread_storm")}, {{"MODE", "full"}, {"MAX_SIZE", "64K"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  EXPECT_LE(fs::file_size(recording.dump()), 64u << 10);
  EXPECT_EQ(Lines(recording.process.err).size(), 1u) << recording.process.err;
  const nlohmann::json report = Report(recording.dump());
  double lost = 0;
  for (const nlohmann::json& cause : report.at("loss").at("causes")) {
    if (cause.at("cause") == "file_full") lost += cause.at("count").get<double>();
  }
  EXPECT_GT(lost, 0);
  EXPECT_FALSE(report.at("settings").at("full_until_ns").is_null()) << "and it goes on as sampling";
}

// More live samples than the agent can follow: each is in the report or counted as lost.
TEST(Settings, SamplesThatFindNoRoomAreCounted) {
  constexpr double kBlocks = 300000;
  const Recording recording = Record({Sample("leak"), "300000", "1000"}, {{"INTERVAL", "1"}});
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const nlohmann::json report = Report(recording.dump());
  double lost = 0;
  for (const nlohmann::json& cause : report.at("loss").at("causes")) {
    if (cause.at("cause") == "live_set_full") lost += cause.at("count").get<double>();
  }
  EXPECT_GT(lost, 0);
  EXPECT_EQ(report.at("loss").at("total"), lost);
  const double recorded = Sum(SitesBelow(report, "LeakHere"), "leaked_blocks").value;
  EXPECT_GE(recorded + lost, kBlocks);
  EXPECT_GE(recorded, 50'000);
}

TEST(Dump, IsReadableByItsOwnerOnly) {
  const Recording recording = Record({Sample("leak")}, {});
  struct stat status;
  ASSERT_EQ(stat(recording.dump().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST(Dump, IsSmallWhenNothingHappened) {
  for (const char* mode : {"full", "sample"}) {
    const Recording recording = Record({TestProgram("one_event")}, {{"MODE", mode}});
    struct stat status;
    ASSERT_EQ(stat(recording.dump().c_str(), &status), 0);
    EXPECT_LE(status.st_size, 64 << 10) << mode;
    EXPECT_LE(status.st_blocks * 512, 64 << 10) << mode;
  }
}

// Killed, the sparse file keeps its full size, but not on the disk.
TEST(Dump, TakesLittleDiskWhenKilledEarly) {
  TempDir dir;
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {});
  const ProcessResult result = RunProcess({TestProgram("endings"), "_exit"}, options);
  ASSERT_EQ(result.exit_code, 13);
  const std::vector<fs::path> dumps = DumpsIn(dir.path());
  ASSERT_EQ(dumps.size(), 1u);
  struct stat status;
  ASSERT_EQ(stat(dumps.front().c_str(), &status), 0);
  EXPECT_LE(status.st_blocks * 512, 128 << 10);
}

}  // namespace
}  // namespace perfagent::test

// Every process that a watched one makes, however it makes it, runs as without the agent and has a dump of its own.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

constexpr char kInProcess[] = "AllocateInProcess";
constexpr char kInLeaf[] = "AllocateInLeaf";

class Processes : public testing::TestWithParam<std::string> {
 protected:
  // Sampled, a process has so many samples that none can be without.
  Surroundings Around() const {
    Surroundings around;
    around.settings = {{"MODE", GetParam()}, {"INTERVAL", "64"}};
    return around;
  }
  void ExpectCounts(const std::vector<nlohmann::json>& reports, const std::string& function,
                    std::vector<double> counts) const {
    const std::vector<double> found = PerReport(reports, function, "allocations");
    if (GetParam() == "full") {
      EXPECT_EQ(found, counts) << function;
    } else {
      EXPECT_EQ(found.size(), counts.size()) << function;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, Processes, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

TEST_P(Processes, ManyThreadsForkAtOnceAndEveryChildIsRecorded) {
  const Recording recording =
      RecordLikeBare({TestProgram("processes"), "storm", TestProgram("leaf")}, Around());
  constexpr int kChildren = 12;
  std::vector<double> processes = {50};
  std::vector<double> leaves;
  for (int child = 0; child < kChildren; ++child) {
    processes.push_back(100 + child);
    if (child % 3 == 2) leaves.push_back(200 + child);
  }
  const std::vector<nlohmann::json> reports = ReportEach(recording.dumps);
  ExpectCounts(reports, kInProcess, processes);
  ExpectCounts(reports, kInLeaf, leaves);
  // Each forked child waited three times for a mutex of its own.
  EXPECT_EQ(std::count_if(reports.begin(), reports.end(),
                          [](const nlohmann::json& report) { return ContendedWaits(report) == 3; }),
            kChildren);
}

TEST_P(Processes, EveryKindOfForkIsRecorded) {
  const Recording recording =
      RecordLikeBare({TestProgram("processes"), "kinds", TestProgram("leaf")}, Around());
  EXPECT_EQ(recording.process.out.find(": 0"), std::string::npos) << recording.process.out;
  // What the clone did in its parent's memory is the parent's.
  const std::vector<nlohmann::json> reports = ReportEach(recording.dumps);
  ExpectCounts(reports, kInProcess, {50 + 7, 101, 102, 103});
  ExpectCounts(reports, kInLeaf, {104, 105});
}

// The daemon's own line, once it has ended.
std::string WaitForDaemon(const fs::path& result) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto waiting = [&] { return std::chrono::steady_clock::now() < deadline; };
  while (!fs::exists(result) && waiting()) usleep(2000);
  std::istringstream words(ReadFile(result));
  std::string pid;
  words >> pid;
  // A process that has ended has no executable, even while nobody has waited for it.
  const std::string executable = "/proc/" + pid + "/exe";
  char path[8];
  while (readlink(executable.c_str(), path, sizeof path) > 0 && waiting()) usleep(2000);
  std::string numbers;
  std::getline(words, numbers);
  return numbers;
}

TEST_P(Processes, ADaemonWithEveryDescriptorClosedIsRecorded) {
  TempDir dir;
  Surroundings around = Around();
  const fs::path bare = dir / "bare";
  RunProcess({TestProgram("processes"), "daemon", bare}, WithoutAgent(around));
  const std::string numbers = WaitForDaemon(bare);
  EXPECT_EQ(numbers, " 0 1 2 3");
  TempDir dumps;
  const fs::path watched = dir / "watched";
  const ProcessResult result =
      RunProcess({TestProgram("processes"), "daemon", watched}, WithAgent(around, dumps.path()));
  EXPECT_TRUE(result.Succeeded()) << result.Describe();
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(WaitForDaemon(watched), numbers);
  ExpectCounts(ReportEach(DumpsIn(dumps.path())), kInProcess, {50, 123});
}

TEST_P(Processes, AfterChrootRecordingGoesOnAndNothingInTheNewRootIsTouched) {
  REQUIRE_ROOT("calls chroot");
  TempDir jail;
  TempDir dumps;
  Surroundings around = Around();
  around.settings["OUTPUT"] = dumps / "x.dump";
  // What has the dump's name behind the new root belongs to others.
  const fs::path other = jail.path() / (dumps / "x.dump").relative_path();
  fs::create_directories(other.parent_path());
  WriteFile(other, "something dear");
  const std::vector<std::string> argv = {TestProgram("processes"), "chroot", jail.path()};
  const ProcessResult bare = RunProcess(argv, WithoutAgent(around));
  ASSERT_TRUE(bare.Succeeded()) << bare.Describe();
  ExpectSame(RunProcess(argv, WithAgent(around, dumps.path())), bare);
  EXPECT_EQ(ReadFile(other), "something dear");
  ExpectCounts(ReportEach(DumpsIn(dumps.path())), kInProcess, {150});
  ExpectCounts(ReportEach(DumpsIn(other.parent_path())), kInProcess, {60});
}

TEST_P(Processes, AfterChrootAChildWithoutADirectoryForItsDumpRunsUnrecorded) {
  REQUIRE_ROOT("calls chroot");
  TempDir jail;
  const std::vector<std::string> argv = {TestProgram("processes"), "chroot", jail.path()};
  const ProcessResult bare = RunProcess(argv);
  ASSERT_TRUE(bare.Succeeded()) << bare.Describe();
  TempDir dumps;
  // A child's dump cannot be made; that is one line.
  ExpectSame(RunProcess(argv, WithAgent(Around(), dumps.path())), bare, 1);
  EXPECT_TRUE(fs::is_empty(jail.path()));
  ExpectCounts(ReportEach(DumpsIn(dumps.path())), kInProcess, {150});
}

TEST_P(Processes, AfterPrivilegesAreDroppedRecordingGoesOn) {
  REQUIRE_ROOT("gives up root");
  const std::vector<std::string> argv = {TestProgram("processes"), "drop"};
  const ProcessResult bare = RunProcess(argv);
  ASSERT_TRUE(bare.Succeeded()) << bare.Describe();
  TempDir dumps;
  // A child's dump cannot be made; that is one line.
  ExpectSame(RunProcess(argv, WithAgent(Around(), dumps.path())), bare, 1);
  ExpectCounts(ReportEach(DumpsIn(dumps.path())), kInProcess, {150});
}

TEST_P(Processes, AfterPrivilegesAreDroppedAChildsDumpIsItsNewUsers) {
  REQUIRE_ROOT("gives up root");
  const std::vector<std::string> argv = {TestProgram("processes"), "drop"};
  const ProcessResult bare = RunProcess(argv);
  TempDir dumps;
  fs::permissions(dumps.path(), fs::perms::all);
  ExpectSame(RunProcess(argv, WithAgent(Around(), dumps.path())), bare);
  const std::vector<fs::path> found = DumpsIn(dumps.path());
  ASSERT_EQ(found.size(), 2u);
  std::vector<uid_t> owners;
  for (const fs::path& dump : found) {
    struct stat status;
    ASSERT_EQ(stat(dump.c_str(), &status), 0);
    owners.push_back(status.st_uid);
    EXPECT_TRUE(dump.filename().string().starts_with("processes.")) << dump;
  }
  std::sort(owners.begin(), owners.end());
  EXPECT_EQ(owners, (std::vector<uid_t>{0, 65534}));
  ExpectCounts(ReportEach(found), kInProcess, {60, 150});
}

TEST_P(Processes, ExecOfAStaticProgramEndsTheRecordingThere) {
  const Recording recording =
      RecordLikeBare({TestProgram("processes"), "exec", TestProgram("leaf_static")}, Around());
  EXPECT_NE(recording.process.out.find("leaf 70"), std::string::npos);
  ExpectCounts(ReportEach(recording.dumps), kInProcess, {50});
  EXPECT_EQ(recording.dumps.size(), 1u);
}

TEST_P(Processes, ExecOfASetuidProgramEndsTheRecordingThere) {
  REQUIRE_ROOT("makes a program of another user");
  TempDir dir;
  const fs::path program = dir / "leaf";
  fs::copy_file(TestProgram("leaf"), program);
  constexpr uid_t kDaemon = 1;
  ASSERT_EQ(chown(program.c_str(), kDaemon, kDaemon), 0);
  ASSERT_EQ(chmod(program.c_str(), 04755), 0);
  const Recording recording = RecordLikeBare({TestProgram("processes"), "exec", program}, Around());
  REQUIRE_PERMITTED(recording.process.out.find("secure 1") != std::string::npos, "setuid programs");
  ExpectCounts(ReportEach(recording.dumps), kInProcess, {50});
  EXPECT_EQ(recording.dumps.size(), 1u);
}

// What a shell does with LEAF: as a child, in a pipeline, in a substitution, at last in its own place.
std::vector<std::string> ShellWithLeaves() {
  return {"sh", "-c", "\"$0\" 10; (\"$0\" 20 | cat); x=$(\"$0\" 30); echo \"$x\"; exec \"$0\" 40",
          TestProgram("leaf")};
}

TEST_P(Processes, AShellsChildrenAreFollowed) {
  const Recording recording = RecordLikeBare(ShellWithLeaves(), Around());
  ExpectCounts(ReportEach(recording.dumps), kInLeaf, {10, 20, 30, 40});
}

TEST_P(Processes, OfAShellAndItsChildrenOnlyTheNamedProgramsAreRecorded) {
  Surroundings around = Around();
  around.settings["PROGRAMS"] = "leaf";
  const Recording recording = RecordLikeBare(ShellWithLeaves(), around);
  ExpectCounts(ReportEach(recording.dumps), kInLeaf, {10, 20, 30, 40});
  EXPECT_EQ(recording.dumps.size(), 4u);
}

// The last leaf is the shell's own process, not a child of it.
TEST_P(Processes, AShellsChildrenAreIgnoredWhenToldSo) {
  Surroundings around = Around();
  around.settings["CHILDREN"] = "ignore";
  const Recording recording = RecordLikeBare(ShellWithLeaves(), around);
  ExpectCounts(ReportEach(recording.dumps), kInLeaf, {40});
  EXPECT_EQ(recording.dumps.size(), 2u);
}

// A shell that is not recorded has no children to ignore.
TEST_P(Processes, ChildrenOfAProgramThatIsNotRecordedAreNotIgnored) {
  Surroundings around = Around();
  around.settings["PROGRAMS"] = "leaf";
  around.settings["CHILDREN"] = "ignore";
  const Recording recording = RecordLikeBare(ShellWithLeaves(), around);
  ExpectCounts(ReportEach(recording.dumps), kInLeaf, {10, 20, 30, 40});
  EXPECT_EQ(recording.dumps.size(), 4u);
}

}  // namespace
}  // namespace perfagent::test

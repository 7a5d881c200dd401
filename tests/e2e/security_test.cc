// The dump belongs to its owner alone and takes nobody's place; a program that is trusted with more than its caller is left alone.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

mode_t ModeOf(const fs::path& path) {
  struct stat status = {};
  EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

class Umask : public testing::TestWithParam<const char*> {};

TEST_P(Umask, DoesNotChangeWhoMayReadTheDump) {
  const std::vector<std::string> argv = {
      "sh", "-c", std::string("umask ") + GetParam() + "; exec \"$0\" 10", TestProgram("leaf")};
  const Recording recording = RecordLikeBare(argv, {.settings = {{"PROGRAMS", "leaf"}}});
  EXPECT_EQ(ModeOf(recording.dump()), 0600u);
}

INSTANTIATE_TEST_SUITE_P(All, Umask, testing::Values("000", "022", "077", "277", "777"),
                         [](const auto& info) { return std::string(info.param); });

// What already has the dump's name.
struct Obstacle {
  const char* name;
  void (*make)(const fs::path& path, const fs::path& target);
};
void PrintTo(const Obstacle& obstacle, std::ostream* out) { *out << obstacle.name; }

class ExistingName : public testing::TestWithParam<Obstacle> {};

TEST_P(ExistingName, IsNeitherFollowedNorChangedAndTheDumpIsNamedAfterIt) {
  TempDir dir;
  TempDir elsewhere;
  const fs::path name = dir / "x.dump";
  const fs::path target = elsewhere / "target";
  GetParam().make(name, target);
  const fs::file_type type = fs::symlink_status(name).type();
  const mode_t mode = ModeOf(name);
  const bool target_exists = fs::exists(target);
  const ProcessResult bare = RunProcess({TestProgram("leaf"), "10"});
  const Surroundings around = {.settings = {{"OUTPUT", name}}};
  ExpectSame(RunProcess({TestProgram("leaf"), "10"}, WithAgent(around, dir.path())), bare);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 2);
  EXPECT_EQ(Report(dir / "x.dump.1").at("processes").at(0).at("ended"), "exited");
  EXPECT_EQ(ModeOf(dir / "x.dump.1"), 0600u);
  EXPECT_EQ(fs::symlink_status(name).type(), type);
  EXPECT_EQ(ModeOf(name), mode);
  EXPECT_EQ(fs::exists(target), target_exists);
  if (target_exists) {
    EXPECT_EQ(ReadFile(target), "something dear");
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExistingName,
                         testing::Values(Obstacle{"link",
                                                  [](const fs::path& path, const fs::path& target) {
                                                    WriteFile(target, "something dear");
                                                    fs::create_symlink(target, path);
                                                  }},
                                         Obstacle{"dangling_link",
                                                  [](const fs::path& path, const fs::path& target) {
                                                    fs::create_symlink(target, path);
                                                  }},
                                         Obstacle{"hard_link",
                                                  [](const fs::path& path, const fs::path& target) {
                                                    WriteFile(target, "something dear");
                                                    fs::create_hard_link(target, path);
                                                  }},
                                         Obstacle{"directory",
                                                  [](const fs::path& path, const fs::path&) {
                                                    fs::create_directory(path);
                                                  }},
                                         Obstacle{"pipe",
                                                  [](const fs::path& path, const fs::path&) {
                                                    ASSERT_EQ(mkfifo(path.c_str(), 0640), 0);
                                                  }}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(OutputDirectory, IsNotMadeAndStaysAsItIs) {
  TempDir dir;
  const fs::path present = dir / "present";
  fs::create_directory(present);
  ASSERT_EQ(chmod(present.c_str(), 0751), 0);
  for (const fs::path& name : {dir / "absent/x.dump", present / "x.dump"}) {
    const Surroundings around = {.settings = {{"OUTPUT", name}}};
    EXPECT_TRUE(RunProcess({TestProgram("leaf"), "10"}, WithAgent(around, dir.path())).Succeeded());
  }
  EXPECT_FALSE(fs::exists(dir / "absent"));
  EXPECT_EQ(ModeOf(present), 0751u);
  EXPECT_EQ(DumpsIn(present).size(), 1u);
}

// The loader preloads into a setuid program only from its own directories, and only a file that is setuid itself. In a
// mount namespace of the test's own, the agent takes the place of a library there.
class TrustedProgram : public testing::Test {
 protected:
  static constexpr char kLibrary[] = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";

  void SetUp() override {
    REQUIRE_ROOT("makes a program of another user");
    REQUIRE_INSTALLED(fs::exists(kLibrary), kLibrary, "libjemalloc2");
    REQUIRE_PERMITTED(RunProcess({"unshare", "-m", "true"}).Succeeded(), "mount namespaces");
    ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
    fs::copy_file(AgentLibrary(), dir_ / "agent.so");
    ASSERT_EQ(chmod((dir_ / "agent.so").c_str(), 04755), 0);
    fs::create_directory(dir_ / "dumps");
    ASSERT_EQ(chmod((dir_ / "dumps").c_str(), 0777), 0);
  }

  // As nobody, a program that belongs to another user, with this mode.
  ProcessResult Run(mode_t mode) {
    constexpr uid_t kDaemon = 1;
    const fs::path program = dir_ / ("program" + std::to_string(mode));
    fs::copy_file(TestProgram("who_allocates"), program);
    EXPECT_EQ(chown(program.c_str(), kDaemon, kDaemon), 0);
    EXPECT_EQ(chmod(program.c_str(), mode), 0);
    const std::string script = "mount --bind \"$0\" " + std::string(kLibrary) +
                               " && exec setpriv --reuid 65534 --regid 65534 --clear-groups env "
                               "LD_PRELOAD=libjemalloc.so.2 \"$@\"";
    return RunProcess({"unshare", "-m", "sh", "-c", script, dir_ / "agent.so",
                       "PERFAGENT_MODE=fast", "PERFAGENT_VERBOSE=1",
                       "PERFAGENT_OUTPUT=" + (dir_ / "dumps/x").string(), program});
  }
  size_t Files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(dir_ / "dumps"), {}));
  }

 private:
  TempDir dir_;
};

// The control: what the next test expects not to happen.
TEST_F(TrustedProgram, WithoutSetuidIsRecordedAndSettingsAreRead) {
  const ProcessResult result = Run(0755);
  EXPECT_EQ(result.out, "secure 0, malloc of libjemalloc.so.2, mallctl 0\n") << result.Describe();
  EXPECT_NE(result.err.find("PERFAGENT_MODE=fast"), std::string::npos);
  EXPECT_EQ(Files(), 1u);
}

TEST_F(TrustedProgram, WithSetuidHasTheAgentLoadedWhichDoesAndSaysNothing) {
  const ProcessResult result = Run(04755);
  REQUIRE_PERMITTED(result.out.find("secure 1") != std::string::npos, "setuid programs");
  EXPECT_EQ(result.out, "secure 1, malloc of libjemalloc.so.2, mallctl 0\n") << result.Describe();
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(Files(), 0u);
}

}  // namespace
}  // namespace perfagent::test

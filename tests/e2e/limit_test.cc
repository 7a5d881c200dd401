// Where there is little room, or none: the program does not notice, and what is lost is counted by its cause.
#include <gtest/gtest.h>
#include <unistd.h>

#include <ostream>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

constexpr int kStatus = 5;  // tests/e2e/programs/confined.cc
constexpr int kNotPossible = 77;
constexpr char kManyRounds[] = "60000";  // in full mode a megabyte and more

// What a run in strange surroundings left behind.
struct Outcome {
  TempDir kept;
  ProcessResult process;
  std::vector<fs::path> dumps;
  std::string left;  // names of the files in the output directory
};

// Runs a shell script in a mount namespace of its own. In it `run` starts the confined program, under the agent if that
// is wanted, and $DIR is the output directory, which may be mounted over. Exit code 77 says that this is not possible here.
Outcome RunScript(const std::string& script, const std::vector<std::string>& arguments,
                  std::map<std::string, std::string> settings, bool with_agent) {
  Outcome run;
  TempDir dir;
  ProcessOptions options;
  settings.try_emplace("OUTPUT", dir / "x.dump");
  options.env = AgentEnvironment(dir.path(), settings);
  options.env["AGENT"] = with_agent ? options.env["LD_PRELOAD"] : "";
  options.env.erase("LD_PRELOAD");
  options.env["DIR"] = dir.path();
  options.env["KEPT"] = run.kept.path();
  const std::string text = "run() { env LD_PRELOAD=\"$AGENT\" \"$@\"; }\n" + script +
                           "\nstatus=$?\n"
                           "cp --sparse=always \"$DIR\"/x.dump* \"$KEPT\" 2>/dev/null\n"
                           "ls -A \"$DIR\" >\"$KEPT/left\"\n"
                           "exit $status\n";
  std::vector<std::string> argv = {"unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-c", text,
                                   "sh",      TestProgram("confined")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  run.process = RunProcess(argv, options);
  run.dumps = DumpsIn(run.kept.path());
  if (fs::exists(run.kept / "left")) run.left = ReadFile(run.kept / "left");
  return run;
}

bool MayMount() {
  return RunProcess({"unshare", geteuid() == 0 ? "-m" : "-rm", "true"}).Succeeded();
}

// What the kernel has not, such as a file system, is nothing to install.
#define REQUIRE_POSSIBLE(run)                                                        \
  if ((run).process.exit_code == kNotPossible) {                                     \
    GTEST_SKIP() << "may not be mounted or made here: " << (run).process.Describe(); \
  }
#define REQUIRE_MOUNTS() REQUIRE_PERMITTED(MayMount(), "a mount namespace")

// The program behaved as without the agent, and the agent said one thing at most.
void ExpectUndisturbed(const Outcome& run, const Outcome& bare) {
  EXPECT_EQ(bare.process.exit_code, kStatus) << bare.process.Describe();
  EXPECT_EQ(run.process.exit_code, bare.process.exit_code) << run.process.Describe();
  EXPECT_EQ(run.process.out, bare.process.out);
  EXPECT_LE(Lines(run.process.err).size(), Lines(bare.process.err).size() + 1) << run.process.err;
}

// Each event is in the dump or counted as lost, for the one cause that there was. A table of locks that it hits has a
// name of its own.
void ExpectRestLostTo(const std::string& cause, const Outcome& run) {
  ASSERT_EQ(run.dumps.size(), 1u) << run.process.Describe();
  const nlohmann::json report = Report(run.dumps.front());
  const FunctionTruth truth = ParseTruth(run.process.out).front().functions.front();
  const std::vector<nlohmann::json> sites = SitesBelow(report, truth.function);
  const double recorded = Sum(sites, "allocations").value + Sum(sites, "frees").value;
  EXPECT_GT(recorded, 0);
  EXPECT_GT(Lost(report, cause), 0) << report.at("loss").dump();
  EXPECT_EQ(Lost(report, cause) + Lost(report, "lock_table_full"), Lost(report))
      << report.at("loss").dump();
  EXPECT_GE(recorded + Lost(report), truth.metrics.at("allocations") + truth.metrics.at("frees"));
}

// ---- full file systems ----

struct FileSystem {
  const char* name;
  const char* program;  // that makes one
  const char* package;
  const char* mount;  // shell: an almost full one at $DIR
};
void PrintTo(const FileSystem& system, std::ostream* out) { *out << system.name; }

class FullDisk : public testing::TestWithParam<FileSystem> {};

// The image is a sparse file; the mount goes with the namespace, the loop device with the mount.
INSTANTIATE_TEST_SUITE_P(
    FileSystems, FullDisk,
    testing::Values(FileSystem{"tmpfs", "mount", "mount",
                               "mount -t tmpfs -o size=1m none \"$DIR\" || exit 77\n"},
                    FileSystem{"ext4", "mkfs.ext4", "e2fsprogs",
                               "truncate -s 16M \"$KEPT/image\"\n"
                               "mkfs.ext4 -q \"$KEPT/image\" || exit 77\n"
                               "mount -o loop \"$KEPT/image\" \"$DIR\" || exit 77\n"},
                    FileSystem{"btrfs", "mkfs.btrfs", "btrfs-progs",
                               "truncate -s 120M \"$KEPT/image\"\n"
                               "mkfs.btrfs -q \"$KEPT/image\" >/dev/null || exit 77\n"
                               "mount -o loop \"$KEPT/image\" \"$DIR\" || exit 77\n"}),
    [](const auto& info) { return std::string(info.param.name); });

// Fills what is there: by reserving, which is much faster than writing.
constexpr char kFill[] = R"sh(
n=0
for size in 32M 8M 1M 128K 16K 4K; do
  while n=$((n + 1)) && fallocate -l $size "$DIR/filling$n" 2>/dev/null; do :; done
  rm -f "$DIR/filling$n"
done
)sh";

TEST_P(FullDisk, ProgramGoesOnAndTheRestIsCounted) {
  REQUIRE_PROGRAM(GetParam().program, GetParam().package);
  REQUIRE_MOUNTS();
  // Some 200 KB are left: in full mode a tenth of what is needed.
  const std::string script = std::string(GetParam().mount) + "fallocate -l 200K \"$DIR/spare\"\n" +
                             kFill + "rm \"$DIR/spare\"\nsync -f \"$DIR\"\nrun \"$@\"";
  const Outcome bare = RunScript(script, {kManyRounds}, {}, false);
  REQUIRE_POSSIBLE(bare);
  const Outcome full = RunScript(script, {kManyRounds}, {{"MODE", "full"}}, true);
  ExpectUndisturbed(full, bare);
  ASSERT_FALSE(full.process.timed_out);
  ExpectRestLostTo("disk_full", full);
  const Outcome sampled = RunScript(script, {kManyRounds}, {{"INTERVAL", "64"}}, true);
  ExpectUndisturbed(sampled, bare);
  for (const fs::path& dump : sampled.dumps) Report(dump);
}

TEST_P(FullDisk, NoRoomAtAllLeavesTheProgramAlone) {
  REQUIRE_PROGRAM(GetParam().program, GetParam().package);
  REQUIRE_MOUNTS();
  const std::string script = std::string(GetParam().mount) + kFill + "run \"$@\"";
  const Outcome bare = RunScript(script, {"1000"}, {}, false);
  REQUIRE_POSSIBLE(bare);
  for (const char* mode : {"full", "sample"}) {
    const Outcome run = RunScript(script, {"1000"}, {{"MODE", mode}}, true);
    ExpectUndisturbed(run, bare);
    // A file system may have kept some pages to itself; what is there then is whole.
    for (const fs::path& dump : run.dumps) Report(dump);
    if (run.dumps.empty()) {
      EXPECT_EQ(run.left, bare.left) << "something useless was left";
    }
  }
}

// ---- places that take no dump ----

struct Place {
  const char* name;
  const char* mount;   // shell; empty: none
  const char* output;  // empty: $DIR/x.dump
};
void PrintTo(const Place& place, std::ostream* out) { *out << place.name; }

class UnfitPlace : public testing::TestWithParam<Place> {};

INSTANTIATE_TEST_SUITE_P(
    Places, UnfitPlace,
    testing::Values(
        Place{"proc", "", "/proc/x.dump"}, Place{"sys", "", "/sys/kernel/x.dump"},
        Place{"a_file_as_directory", "", "/etc/passwd/x.dump"},
        Place{"read_only", "mount -t tmpfs -o ro none \"$DIR\" || exit 77\n", ""},
        // Both make the file, and share no mapping of it (without a reserved huge page).
        Place{"hugetlbfs", "mount -t hugetlbfs none \"$DIR\" || exit 77\n", ""},
        Place{"mqueue", "mount -t mqueue none \"$DIR\" || exit 77\n", ""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(UnfitPlace, IsSaidOnceAndNothingIsLeftThere) {
  REQUIRE_MOUNTS();
  const std::string script = std::string(GetParam().mount) + "run \"$@\"";
  const Outcome bare = RunScript(script, {"1000"}, {}, false);
  REQUIRE_POSSIBLE(bare);
  for (const char* mode : {"full", "sample"}) {
    std::map<std::string, std::string> settings = {{"MODE", mode}};
    if (*GetParam().output != '\0') settings["OUTPUT"] = GetParam().output;
    const Outcome run = RunScript(script, {"1000"}, settings, true);
    ExpectUndisturbed(run, bare);
    EXPECT_EQ(Lines(run.process.err).size(), 1u) << run.process.err;
    EXPECT_EQ(run.left, "");
  }
}

// ---- resource limits ----

struct Limit {
  const char* name;
  std::vector<std::string> prlimit;
  const char* costs;  // empty: nothing; null: it may cost the whole recording
};
constexpr char kEndsFullMode[] = "samples take the place of the rest";
void PrintTo(const Limit& limit, std::ostream* out) { *out << limit.name; }

class Limited : public testing::TestWithParam<Limit> {};

INSTANTIATE_TEST_SUITE_P(Limits, Limited,
                         testing::Values(Limit{"file_size", {"--fsize=200000"}, kEndsFullMode},
                                         Limit{"address_space", {"--as=1000000000"}, ""},
                                         Limit{"little_address_space", {"--as=100000000"}, nullptr},
                                         Limit{"tiny_file_size", {"--fsize=4096"}, nullptr},
                                         Limit{"files", {"--nofile=4"}, ""},
                                         Limit{"stack", {"--stack=65536"}, ""},
                                         Limit{"locked_memory", {"--memlock=0"}, ""}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Limited, ProgramGoesOnAndWhatIsLostIsCounted) {
  REQUIRE_PROGRAM("prlimit", "util-linux");
  std::string script = "prlimit";
  for (const std::string& option : GetParam().prlimit) script += " " + option;
  script += " env LD_PRELOAD=\"$AGENT\" \"$@\"";
  const std::vector<std::string> rounds = {"40000"};
  const Outcome bare = RunScript(script, rounds, {}, false);
  const Outcome full = RunScript(script, rounds, {{"MODE", "full"}}, true);
  ExpectUndisturbed(full, bare);
  ExpectUndisturbed(RunScript(script, rounds, {{"MODE", "sample"}}, true), bare);
  if (GetParam().costs == nullptr) return;
  ASSERT_EQ(full.dumps.size(), 1u) << full.process.Describe();
  const nlohmann::json report = Report(full.dumps.front());
  if (GetParam().costs != kEndsFullMode) return ExpectTruth(full.process, report);
  EXPECT_EQ(Lost(report), 0) << report.at("loss").dump();
  EXPECT_FALSE(report.at("settings").at("full_until_ns").is_null());
}

// ---- changes while the program runs ----

class Changed : public testing::TestWithParam<const char*> {
 protected:
  // `directory` is what the program changes; without the agent it is one of no interest.
  Recording Change(const std::string& change, const fs::path& directory = {}) {
    TempDir other;
    std::vector<std::string> argv = {TestProgram("confined"), "40000", change, other.path()};
    const ProcessResult bare = RunProcess(argv);
    EXPECT_EQ(bare.exit_code, kStatus) << bare.Describe();

    argv.back() = directory;
    ProcessOptions options;
    options.env = AgentEnvironment(output_.path(), {{"MODE", GetParam()}});
    Recording recording;
    recording.process = RunProcess(argv, options);
    EXPECT_EQ(recording.process.exit_code, bare.exit_code) << recording.process.Describe();
    EXPECT_EQ(recording.process.out, bare.out);
    EXPECT_LE(Lines(recording.process.err).size(), 1u) << recording.process.err;
    if (fs::exists(output_.path())) recording.dumps = DumpsIn(output_.path());
    return recording;
  }

  TempDir output_;
};

INSTANTIATE_TEST_SUITE_P(Modes, Changed, testing::Values("full", "sample"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Changed, NoDescriptorsLeftLosesNothing) {
  const Recording recording = Change("files");
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(Lost(report), 0);
  if (std::string(GetParam()) == "full") ExpectTruth(recording.process, report);
}

TEST_P(Changed, AChildWithoutDescriptorsRunsUnrecorded) {
  const Recording recording = Change("fork");
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(Lost(report), 0);
  if (std::string(GetParam()) == "full") ExpectTruth(recording.process, report);
}

TEST_P(Changed, ARemovedOutputDirectoryIsNotMadeAgain) {
  Change("remove", output_.path());
  EXPECT_FALSE(fs::exists(output_.path()));
}

TEST_P(Changed, AnothersFileAtTheDumpsPathIsLeftAlone) {
  Change("replace", output_.path());
  size_t files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(output_.path())) {
    EXPECT_EQ(ReadFile(entry.path()), "another's");
    ++files;
  }
  EXPECT_EQ(files, 1u);
}

// Its parent's full disk, and when the parent would ask again, are not a forked child's.
TEST(ChildOfAFullDisk, IsRecordedWhenThereIsRoomAgain) {
  REQUIRE_MOUNTS();
  const Outcome run = RunScript(
      "mount -t tmpfs -o size=600k none \"$DIR\" || exit 77\n"
      "head -c 583680 /dev/zero >\"$DIR/fill\"\n"
      "run \"${1%confined}room_again\" \"$DIR/fill\"",
      {}, {{"MODE", "full"}}, true);
  REQUIRE_POSSIBLE(run);
  ASSERT_EQ(run.process.exit_code, 0) << run.process.Describe();
  ASSERT_EQ(run.dumps.size(), 2u) << run.left;
  EXPECT_GT(Report(run.dumps[0]).at("loss").at("total"), 0) << "or the disk was not full";
  const nlohmann::json child = Report(run.dumps[1]);
  EXPECT_EQ(child.at("loss").at("total"), 0) << child.at("loss").dump();
  EXPECT_EQ(Sum(SitesBelow(child, "Allocate"), "allocations").value, 1000);
}

}  // namespace
}  // namespace perfagent::test

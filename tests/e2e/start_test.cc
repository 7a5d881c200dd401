// What happens before, while and beside the agent starts: the program must not notice.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <ostream>
#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

namespace fs = std::filesystem;

std::string TestLibrary(const std::string& name) { return TestProgram("lib" + name + ".so"); }

class Start : public testing::TestWithParam<std::string> {
 protected:
  Surroundings Around(const std::string& before, const std::string& after) const {
    Surroundings around;
    around.settings = {{"MODE", GetParam()}};
    around.preload_before = before;
    around.preload_after = after;
    around.options.env["GUEST_WORD"] = "heard";
    return around;
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, Start, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

// What main does is recorded exactly, whatever happened before it.
void ExpectMainIsRecorded(const Recording& recording) {
  const nlohmann::json report = Report(recording.dump());
  EXPECT_EQ(ContendedWaits(report), ParseTruth(recording.process.out).front().Number("contended"));
  if (report.at("settings").at("mode") == "full") ExpectTruth(recording);
}

// In an IFUNC resolver and in .preinit_array no constructor has run yet, not the agent's either.
TEST_P(Start, AllocationsAndLocksBeforeAnyConstructor) {
  const Recording recording = RecordLikeBare({TestProgram("early")}, Around("", ""));
  EXPECT_NE(recording.process.out.find("preinit: reached=1"), std::string::npos);
  EXPECT_NE(recording.process.out.find("resolver: reached=1"), std::string::npos);
  ExpectMainIsRecorded(recording);
  // One block each of the resolver and of preinit, and what dlerror said, are freed in main, and one each is grown and
  // then freed; nobody saw their allocation.
  const nlohmann::json heap = Report(recording.dump()).at("heap");
  EXPECT_EQ(heap.at("unpaired_frees"), GetParam() == "full" ? 3 : 0);
  EXPECT_EQ(heap.at("unpaired_reallocations"), GetParam() == "full" ? 2 : 0);
}

// The loader constructs the last preloaded library first.
TEST_P(Start, AnotherPreloadsConstructorBeforeTheAgents) {
  const Surroundings around = Around("", TestLibrary("quiet_preload"));
  ExpectMainIsRecorded(RecordLikeBare({TestProgram("early")}, around));
}

TEST_P(Start, AnotherPreloadsConstructorAfterTheAgents) {
  const Surroundings around = Around(TestLibrary("quiet_preload"), "");
  ExpectMainIsRecorded(RecordLikeBare({TestProgram("early")}, around));
}

// The race of the agent's start, and of its end, with threads that were there before it.
TEST_P(Start, ThreadsOfAnotherPreloadRunWhileTheAgentStartsAndEnds) {
  for (int run = 0; run < 10; ++run) {
    const std::string busy = TestLibrary("busy_preload");
    const Surroundings around = run % 2 == 0 ? Around("", busy) : Around(busy, "");
    const Recording recording = RecordLikeBare({TestProgram("early")}, around);
    const nlohmann::json report = Report(recording.dump());
    EXPECT_EQ(report.at("loss").at("damaged_bytes"), 0);
    if (GetParam() != "full") continue;
    const FunctionTruth truth = ParseTruth(recording.process.out).front().functions.front();
    EXPECT_EQ(Sum(SitesBelow(report, truth.function), "allocations").value,
              truth.metrics.at("allocations"));
  }
}

TEST_P(Start, AuditLibraryAllocatesInEveryBinding) {
  Surroundings around = Around("", "");
  around.options.env["LD_AUDIT"] = TestLibrary("audit");
  ExpectMainIsRecorded(RecordLikeBare({TestProgram("early")}, around));
}

// What a library interposes is printed call by call.
TEST_P(Start, InterposedFunctionsSeeTheProgramsCallsAlone) {
  const std::string interposer = TestLibrary("interposer");
  for (const Surroundings& around : {Around("", interposer), Around(interposer, "")}) {
    const Recording recording = RecordLikeBare({TestProgram("opens")}, around);
    EXPECT_NE(recording.process.out.find("getenv GUEST_WORD"), std::string::npos);
    EXPECT_EQ(ContendedWaits(Report(recording.dump())), 7);
  }
}

TEST_P(Start, AConstructorUnderTheLoadersLockStartsAThreadThatLoads) {
  const Recording recording = RecordLikeBare({TestProgram("under_loader_lock")}, Around("", ""));
  EXPECT_NE(recording.process.out.find("truth joined=20 "), std::string::npos);
  if (GetParam() == "full") ExpectTruth(recording);
}

struct OtherPreload {
  const char* name;
  const char* library;
  const char* debian_package;
};
void PrintTo(const OtherPreload& preload, std::ostream* out) { *out << preload.name; }

class PreloadedBeforeTheAgent : public testing::TestWithParam<OtherPreload> {};

// The allocator is found first, so the heap is its own business; locks are recorded. (After the agent: library_test.cc.)
TEST_P(PreloadedBeforeTheAgent, ProgramIsTheSameAndItsLocksAreRecorded) {
  REQUIRE_INSTALLED(fs::exists(GetParam().library), GetParam().library, GetParam().debian_package);
  for (const char* mode : {"full", "sample"}) {
    Surroundings around;
    around.settings = {{"MODE", mode}};
    around.preload_before = GetParam().library;
    around.lines_of_agent = 1;
    for (const char* program : {"opens", "heap_family_glibc"}) {
      SCOPED_TRACE(program);
      const Recording recording = RecordLikeBare({TestProgram(program)}, around);
      const nlohmann::json report = Report(recording.dump());
      EXPECT_EQ(report.at("loss").at("total"), 0) << report.at("loss").dump();
      EXPECT_EQ(ContendedWaits(report),
                ParseTruth(recording.process.out).front().Number("contended"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Allocators, PreloadedBeforeTheAgent,
    testing::Values(
        OtherPreload{"jemalloc", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "libjemalloc2"},
        OtherPreload{"tcmalloc", "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
                     "libtcmalloc-minimal4"},
        OtherPreload{"mimalloc", "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0", "libmimalloc2.0"}),
    [](const auto& info) { return std::string(info.param.name); });

// The arguments of fakeroot that run `script` in `work`, the agent after or before fakeroot's own library.
std::vector<std::string> UnderFakeroot(const fs::path& agent, bool agent_first,
                                       const std::string& script, const fs::path& work) {
  const std::string reorder = agent_first ? "LD_PRELOAD=\"$1 ${LD_PRELOAD%:$1}\"; " : "";
  return {"setpriv",  "--reuid",
          "65534",    "--regid",
          "65534",    "--clear-groups",
          "fakeroot", "sh",
          "-c",       reorder + "exec sh -c \"$2\" \"$0\"",
          work,       agent,
          script};
}

class Fakeroot : public testing::TestWithParam<bool> {};

// As another user than root, for whom chown only works in the imagination of fakeroot.
TEST_P(Fakeroot, OwnersAreTheSameAndTheDumpIsWritten) {
  REQUIRE_PROGRAM("fakeroot", "fakeroot");
  REQUIRE_ROOT("becomes another user");
  const std::string script =
      "cd $0 && mkdir d && echo x > d/f && chown 12:34 d/f && chmod 4711 d/f && mknod d/n c 1 3 && "
      "stat -c '%n %u:%g %a %F' d d/f d/n";
  std::string outputs[2];
  for (const bool with_agent : {false, true}) {
    TempDir dir;
    // The build may lie where only root can read.
    const fs::path agent = dir / "libperfagent.so";
    fs::copy_file(AgentLibrary(), agent);
    fs::create_directory(dir / "work");
    for (const fs::path& path : {dir.path(), dir / "work"}) {
      fs::permissions(path, fs::perms::all);
    }
    Surroundings around;
    around.settings = {{"MODE", "full"}};
    around.options.env["HOME"] = dir.path();
    const ProcessResult result =
        RunProcess(UnderFakeroot(agent, with_agent && GetParam(), script, dir / "work"),
                   with_agent ? WithAgent(around, dir.path(), agent) : WithoutAgent(around));
    EXPECT_TRUE(result.Succeeded()) << result.Describe();
    EXPECT_EQ(result.err, "");
    outputs[with_agent ? 1 : 0] = result.out;
    if (!with_agent) continue;
    std::vector<fs::path> dumps = DumpsIn(dir.path());
    EXPECT_GE(dumps.size(), 6u) << "one for each command at least";
    std::erase_if(
        dumps, [](const fs::path& dump) { return !dump.filename().string().starts_with("stat."); });
    EXPECT_EQ(ReportEach(dumps).size(), 1u);
  }
  EXPECT_EQ(outputs[0], outputs[1]);
  EXPECT_NE(outputs[0].find("d/f 12:34 4711"), std::string::npos) << outputs[0];
}

INSTANTIATE_TEST_SUITE_P(Orders, Fakeroot, testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "agent_first" : "agent_second");
});

}  // namespace
}  // namespace perfagent::test

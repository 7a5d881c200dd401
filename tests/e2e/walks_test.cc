// Every stack that full mode takes is the one that libunwind sees, frame by frame: under an agent that compares them
// itself (tests/agent/walk_check.cc).
//
// Of long runs one stack in a hundred or a thousand is compared. PERFAGENT_CHECK_WALKS=1 compares all, as `make test-walks` does.
//
// Left out, because libunwind makes system calls of its own: what counts system calls, descriptors or memory, and what
// forbids them (seccomp, descriptors, unnoticed).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <ostream>
#include <sstream>
#include <system_error>

#include "tests/agent/walk_check.h"
#include "tests/support/behaviour.h"
#include "tests/support/real_programs.h"

namespace perfagent::test {
namespace {

std::string CheckedAgent() { return BuildDir() / "tests" / "libperfagent_checked.so"; }

struct CheckedRun {
  std::vector<std::string> argv;
  size_t every = 1;
  Surroundings around = {};
  int exit_code = 0;
};

std::string Every(const CheckedRun& run) {
  const char* asked = std::getenv("PERFAGENT_CHECK_WALKS");
  return asked != nullptr ? asked : std::to_string(run.every);
}

void ExpectSameWalks(const CheckedRun& run) {
  TempDir dumps;
  TempDir out;
  Surroundings around = run.around;
  around.settings["MODE"] = "full";
  around.settings["CHECK_OUTPUT"] = out / "walks";
  around.settings.try_emplace("CHECK_WALKS", Every(run));
  ProcessOptions options = WithAgent(around, dumps.path(), CheckedAgent());
  options.timeout = std::chrono::minutes(10);
  const ProcessResult process = RunProcess(run.argv, options);
  EXPECT_EQ(process.exit_code, run.exit_code) << process.Describe();

  const std::string found = ReadFile(out / "walks");
  ASSERT_GE(found.size(), kWalkCountsBytes);
  const auto& counts = *reinterpret_cast<const WalkCounts*>(found.data());
  EXPECT_GT(counts.compared, 0u);
  EXPECT_EQ(counts.different, 0u) << found.substr(kWalkCountsBytes);
  EXPECT_EQ(counts.given_up, 0u) << found.substr(kWalkCountsBytes);
  std::printf(
      "compared %lu of %lu stacks (%lu recognized), %lu frames; %lu cut at DEPTH, %lu without a "
      "root\n",
      counts.compared.load(), counts.taken.load(), counts.recognized.load(), counts.frames.load(),
      counts.cut.load(), counts.rootless.load());
}

// ---- programs of the tests and samples ----

struct Program {
  const char* line;  // name and arguments
  size_t every = 1;
  int exit_code = 0;
};
std::ostream& operator<<(std::ostream& out, const Program& program) { return out << program.line; }

constexpr Program kPrograms[] = {
    {"blocks"},
    {"cancelled 20"},
    {"child_threads 4"},
    {"early"},
    {"endings _exit", 1, 13},
    {"endings pthread_exit", 1, 16},
    {"entry_points"},
    {"errno_table"},
    {"fibers 30"},
    {"footprint 2000", 100},
    {"fork_beside_waiter"},
    {"forked_heaps 3 100"},
    {"heap_family_glibc"},
    {"heap_family_jemalloc"},
    {"heap_family_mimalloc"},
    {"heap_family_tcmalloc"},
    {"hot_lock mutex"},
    {"hot_lock readers"},
    {"hot_lock writers"},
    {"loads runpath"},
    {"loads threads", 100},
    {"many_keys", 100},
    {"mutex_semantics"},
    {"new_once"},
    {"own_mutex"},
    {"own_new malloc"},
    {"plain_heap"},
    {"population small"},
    {"population threads"},
    {"rwlock_semantics"},
    {"shared_mutex"},
    {"sides deepbind"},
    {"sides namespace"},
    {"sized_free"},
    {"small_stacks thread"},
    {"small_stacks signal"},
    {"steady 20", 1000},
    {"symbol_versions"},
    {"thread_ends"},
    {"thread_lives 100 4"},
    {"under_loader_lock"},
    {"unmapped_mutex"},
    {"unwound 30"},
};
constexpr Program kSamples[] = {
    {"churn", 1000}, {"contended_mutex"}, {"deep_stack"}, {"dlopen_loop"},        {"fork_exec"},
    {"leak"},        {"phases"},          {"rust_leak"},  {"thread_storm", 1000}, {"vector_growth"},
};

std::vector<std::string> Words(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string NameOf(const testing::TestParamInfo<Program>& info) {
  std::string name = info.param.line;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

void ExpectSameWalksOf(const Program& program, std::string (*path_of)(const std::string&)) {
  std::vector<std::string> argv = Words(program.line);
  argv.front() = path_of(argv.front());
  REQUIRE_INSTALLED(!FindProgram(argv.front()).empty(), argv.front(), "rustc");
  ExpectSameWalks({argv, program.every, {}, program.exit_code});
}

class WalksOfPrograms : public testing::TestWithParam<Program> {};
TEST_P(WalksOfPrograms, AreLibunwinds) { ExpectSameWalksOf(GetParam(), TestProgram); }
INSTANTIATE_TEST_SUITE_P(All, WalksOfPrograms, testing::ValuesIn(kPrograms), NameOf);

class WalksOfSamples : public testing::TestWithParam<Program> {};
TEST_P(WalksOfSamples, AreLibunwinds) { ExpectSameWalksOf(GetParam(), Sample); }
INSTANTIATE_TEST_SUITE_P(All, WalksOfSamples, testing::ValuesIn(kSamples), NameOf);

// Handlers that leave the agent by longjmp, wherever it is, and take stacks themselves. siglongjmp lets the next signal
// in while it is still on the handler's stack: were all stacks compared, that would grow faster than it is left.
class WalksAroundLongjmp : public testing::TestWithParam<std::string> {};
TEST_P(WalksAroundLongjmp, AreLibunwinds) {
  CheckedRun run = {{TestProgram("jump_out"), "1500", GetParam(), "busy"}};
  run.around.preload_after = TestProgram("liblockless_allocator.so");
  run.around.settings["CHECK_WALKS"] = "20";
  ExpectSameWalks(run);
}
INSTANTIATE_TEST_SUITE_P(All, WalksAroundLongjmp, testing::Values("waits", "locks", "heap"),
                         [](const auto& info) { return info.param; });

// ---- frames of every shape, as compilers make them ----

std::vector<std::string> ShapeBuilds() {
  std::vector<std::string> names;
  const std::string prefix = "stack_shapes_";
  std::error_code not_built;
  const std::filesystem::path programs = BuildDir() / "tests/programs";
  for (const auto& entry : std::filesystem::directory_iterator(programs, not_built)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && !entry.path().has_extension())
      names.push_back(name.substr(prefix.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

class WalksOverShapes : public testing::TestWithParam<std::string> {};
TEST_P(WalksOverShapes, AreLibunwinds) {
  if (GetParam().find("avx") != std::string::npos && !__builtin_cpu_supports("avx"))
    GTEST_SKIP() << "the processor has no AVX";
  ExpectSameWalks({{TestProgram("stack_shapes_" + GetParam()), "60", "1"}});
}
INSTANTIATE_TEST_SUITE_P(All, WalksOverShapes, testing::ValuesIn(ShapeBuilds()),
                         [](const auto& info) { return info.param; });

// Handlers run above a frame that no rule expresses; the sample has none.
TEST(WalksOverShapes, FramesOfWholeWalksAreCounted) {
  const auto whole_walk_frames = [](const std::string& program) {
    const nlohmann::json report = Report(Record({program}, {{"MODE", "full"}}).dump());
    EXPECT_GT(report.at("unseen").at("frames"), report.at("unseen").at("events"));
    EXPECT_LT(report.at("agent").at("whole_walk_frames"), report.at("unseen").at("frames"));
    return report.at("agent").at("whole_walk_frames").get<uint64_t>();
  };
  EXPECT_GT(whole_walk_frames(TestProgram("stack_shapes_gcc_O2")), 100u);
  EXPECT_EQ(whole_walk_frames(Sample("vector_growth")), 0u);
}

TEST(WalksOverShapes, AreLibunwindsPrefixWhenTheyAreCut) {
  for (const char* depth : {"1", "7", "1024"}) {
    CheckedRun run = {{TestProgram("stack_shapes_gcc_O2"), "30", "2"}};
    run.around.settings["DEPTH"] = depth;
    ExpectSameWalks(run);
  }
}

// ---- real programs ----

class WalksOfRealPrograms : public testing::Test {
 protected:
  static void Expect(const RealProgram& program, size_t every) {
    REQUIRE_INSTALLED(!program.path().empty(), program.name, program.debian_package);
    CheckedRun run = {program.argv, every, {}};
    run.around.options = program.options;
    ExpectSameWalks(run);
  }
  TempDir dir_;
};

TEST_F(WalksOfRealPrograms, Sqlite3) { Expect(Sqlite3(20000), 100); }
TEST_F(WalksOfRealPrograms, Cc1plus) { Expect(Cc1plus(dir_.path(), "-O1"), 100); }
TEST_F(WalksOfRealPrograms, Python3) { Expect(Python3(dir_.path()), 100); }
TEST_F(WalksOfRealPrograms, GitLog) { Expect(GitLog(dir_.path()), 10); }

}  // namespace
}  // namespace perfagent::test

// Each rule on each sample: it fires where the sample's truth says so, names the function and the amounts that the sample
// counted itself, and fires nowhere else. What fired is printed in the end, a row for each sample.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "analyzer/report/format.h"
#include "tests/support/progress.h"
#include "tests/support/real_programs.h"
#include "tests/support/report.h"

namespace perfagent::test {
namespace {

using Kinds = std::set<std::string>;

// Of the heap; false_sharing is of locks, too.
constexpr const char* kHeapRules[] = {"leak",          "cache",
                                      "plateau",       "growth_chain",
                                      "temporary",     "pool",
                                      "small_blocks",  "slack",
                                      "cross_thread",  "churn_burst",
                                      "large_realloc", "repeated_construction",
                                      "false_sharing", "allocator_contention"};

// What fired in which row, for the print.
class Matrix : public testing::Environment {
 public:
  void TearDown() override { Print(); }
  void Add(const std::string& row, const nlohmann::json& findings) {
    std::map<std::string, int>& fired = rows_[row];
    for (const nlohmann::json& finding : findings) {
      const std::string kind = finding.at("kind");
      ++fired[kind];
      if (std::find(columns_.begin(), columns_.end(), kind) == columns_.end())
        columns_.push_back(kind);
    }
  }

 private:
  void Print() const {
    if (rows_.empty()) return;
    std::printf("%-36s", "findings by sample and rule");
    for (size_t i = 0; i < columns_.size(); ++i) std::printf(" %c", Letter(i));
    std::printf("\n");
    for (const auto& [row, fired] : rows_) {
      std::printf("%-36s", row.c_str());
      for (const std::string& column : columns_) {
        const auto found = fired.find(column);
        std::printf(" %s", found == fired.end() ? "." : std::to_string(found->second).c_str());
      }
      std::printf("\n");
    }
    for (size_t i = 0; i < columns_.size(); ++i)
      std::printf("  %c %s\n", Letter(i), columns_[i].c_str());
  }

  static char Letter(size_t column) { return static_cast<char>('a' + column); }

  std::map<std::string, std::map<std::string, int>> rows_;
  std::vector<std::string> columns_{std::begin(kHeapRules), std::end(kHeapRules)};
};

// Printed after the last test.
Matrix* const matrix = new Matrix;
[[maybe_unused]] testing::Environment* const registered = testing::AddGlobalTestEnvironment(matrix);

class FindingsMatrix : public testing::Test {
 protected:
  // The findings of a sample's run.
  nlohmann::json Find(const std::string& row, const std::vector<std::string>& argv,
                      const std::map<std::string, std::string>& settings,
                      const ProcessOptions& options = {}) {
    const Recording recording = Record(argv, settings, options);
    EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
    out_ = recording.process.out;
    const nlohmann::json findings = Report(recording.dump()).at("findings");
    matrix->Add(row, findings);
    return findings;
  }
  ProcessTruth Truth() const { return ParseTruth(out_).front(); }

  static Kinds KindsOf(const nlohmann::json& findings) {
    Kinds kinds;
    for (const nlohmann::json& finding : findings) kinds.insert(finding.at("kind"));
    return kinds;
  }

 private:
  std::string out_;
};

// ---- the heap's rules -----------------------------------------------------------------------

// What a finding says, all of it.
std::string TextOf(const nlohmann::json& finding) {
  std::string text = finding.at("title");
  for (const std::string evidence : finding.at("evidence")) text += "\n" + evidence;
  return text;
}

void ExpectComplete(const nlohmann::json& finding) {
  for (const char* key : {"title", "gain", "remedy", "confidence"})
    EXPECT_NE(finding.at(key), "") << finding.dump(1);
  EXPECT_FALSE(finding.at("evidence").empty()) << finding.dump(1);
}

struct HeapRow {
  const char* sample_case;
  const char* mode;
};
void PrintTo(const HeapRow& row, std::ostream* out) { *out << row.sample_case << ", " << row.mode; }

class HeapFindings : public FindingsMatrix, public testing::WithParamInterface<HeapRow> {};

TEST_P(HeapFindings, AreTheSamplesTruth) {
  const auto [sample_case, mode] = GetParam();
  const nlohmann::json findings =
      Find(std::string("heap_findings ") + sample_case + ", " + mode,
           {Sample("heap_findings"), sample_case}, {{"MODE", mode}, {"INTERVAL", "1024"}});
  const ProcessTruth truth = Truth();
  const std::string kind = truth.values.at("finding");
  EXPECT_EQ(KindsOf(findings), kind == "none" ? Kinds{} : Kinds{kind}) << findings.dump(1);
  if (truth.functions.empty()) return;
  const bool is_exact = std::string(mode) == "full";
  for (const nlohmann::json& finding : findings) {
    ExpectComplete(finding);
    EXPECT_TRUE(IsFunction(finding.at("where").at("function"), truth.functions.front().function))
        << finding.dump(1);
    EXPECT_EQ(CountFrames(finding.at("where").at("stack"), truth.functions.front().function), 1u);
    const std::string text = TextOf(finding);
    if (truth.values.contains("copied") && is_exact) {
      EXPECT_NE(text.find(FormatBytes(truth.Number("copied"))), std::string::npos) << text;
    }
    if (truth.values.contains("slack")) {
      EXPECT_NE(text.find(" " + FormatBytes(truth.Number("slack")) + " of each block"),
                std::string::npos)
          << text;
    }
    if (truth.values.contains("producer")) {
      const std::string pair = "made in \"" + truth.values.at("producer") + "\", freed in \"" +
                               truth.values.at("consumer") + "\": ";
      const std::string blocks = is_exact ? FormatCount(truth.Number("blocks")) : "~";
      EXPECT_NE(text.find(pair + blocks), std::string::npos) << text;
    }
  }
}

// What is only seen where each block is recorded: growth by new blocks, neighbours, levels without noise.
INSTANTIATE_TEST_SUITE_P(
    Samples, HeapFindings,
    testing::Values(
        HeapRow{"leak", "full"}, HeapRow{"leak", "sample"}, HeapRow{"cache", "full"},
        HeapRow{"cache", "sample"}, HeapRow{"plateau", "full"}, HeapRow{"startup", "full"},
        HeapRow{"steady", "full"}, HeapRow{"steady", "sample"}, HeapRow{"growth_chain", "full"},
        HeapRow{"temporary", "full"}, HeapRow{"temporary", "sample"}, HeapRow{"pool", "full"},
        HeapRow{"pool", "sample"}, HeapRow{"rotate", "full"}, HeapRow{"rotate", "sample"},
        HeapRow{"small_blocks", "full"}, HeapRow{"small_blocks", "sample"},
        HeapRow{"one_block", "full"}, HeapRow{"slack", "full"}, HeapRow{"slack", "sample"},
        HeapRow{"fits", "full"}, HeapRow{"cross_thread", "full"}, HeapRow{"cross_thread", "sample"},
        HeapRow{"comes_back", "full"}, HeapRow{"false_sharing", "full"}, HeapRow{"apart", "full"},
        HeapRow{"large_realloc", "full"}, HeapRow{"large_realloc", "sample"},
        HeapRow{"at_once", "full"}, HeapRow{"churn_burst", "full"}, HeapRow{"even_churn", "full"},
        HeapRow{"repeated_construction", "full"}, HeapRow{"repeated_construction", "sample"},
        HeapRow{"once", "full"}),
    [](const auto& info) { return std::string(info.param.sample_case) + "_" + info.param.mode; });

// ---- the locks' rules -----------------------------------------------------------------------

struct LockRow {
  std::vector<std::string> argv;
  const char* kind;        // fires; empty: nothing in particular
  Kinds of_the_heap = {};  // what the sample does besides
};

void PrintTo(const LockRow& row, std::ostream* out) { *out << row.argv.back(); }

class LockSampleFindings : public FindingsMatrix, public testing::WithParamInterface<LockRow> {};

TEST_P(LockSampleFindings, AreOfLocks) {
  const LockRow& row = GetParam();
  std::vector<std::string> argv = row.argv;
  std::string name = argv[0] + (argv.size() > 1 ? " " + argv[1] : "");
  argv[0] = Sample(argv[0]);
  const nlohmann::json findings = Find(name, argv, {{"MODE", "full"}});
  const Kinds kinds = KindsOf(findings);
  EXPECT_TRUE(*row.kind == '\0' || kinds.contains(row.kind)) << findings.dump(1);
  Kinds of_the_heap;
  for (const nlohmann::json& finding : findings) {
    ExpectComplete(finding);
    if (!finding.at("where").contains("lock")) of_the_heap.insert(finding.at("kind"));
  }
  EXPECT_EQ(of_the_heap, row.of_the_heap) << findings.dump(1);
}

INSTANTIATE_TEST_SUITE_P(
    Samples, LockSampleFindings,
    testing::Values(
        LockRow{{"lock_holders", "one"}, "hot_lock"}, LockRow{{"lock_holders", "two"}, "hot_lock"},
        LockRow{{"lock_holders", "convoy"}, "convoy"},
        LockRow{{"lock_holders", "chain"}, "hot_lock"}, LockRow{{"lock_holders", "readers"}, ""},
        LockRow{{"lock_kinds", "idle"}, ""}, LockRow{{"lock_kinds", "semaphore"}, ""},
        LockRow{{"lock_kinds", "spin"}, "hot_lock"}, LockRow{{"lock_kinds", "robust"}, ""},
        LockRow{{"lock_kinds", "trylock"}, ""}, LockRow{{"lock_order", "inversion"}, "lock_order"},
        LockRow{{"lock_objects", "heap"}, "hot_lock"},
        LockRow{{"lock_objects", "inside"}, "", {"pool"}},
        LockRow{{"lock_objects", "cache_line"}, "false_sharing"},
        LockRow{{"contended_mutex"}, "hot_lock"}),
    [](const auto& info) {
      return info.param.argv[0] + (info.param.argv.size() > 1 ? "_" + info.param.argv[1] : "");
    });

// ---- both -----------------------------------------------------------------------------------

class AllocatorFindings : public FindingsMatrix {
 protected:
  nlohmann::json Find(const std::string& sample_case,
                      const std::map<std::string, std::string>& settings,
                      const std::string& mode = "sample") {
    std::map<std::string, std::string> all = settings;
    all.insert({{"MODE", mode}, {"INTERVAL", "1024"}});
    return FindingsMatrix::Find("allocator_contention " + sample_case + ", " + mode,
                                {Sample("allocator_contention"), sample_case}, all);
  }
  static void ExpectContention(const nlohmann::json& findings) {
    ASSERT_EQ(KindsOf(findings), Kinds{"allocator_contention"}) << findings.dump(1);
    ExpectComplete(findings[0]);
    EXPECT_NE(TextOf(findings[0]).find(" by MakeBuffer(unsigned long)"), std::string::npos)
        << findings.dump(1);
  }
};

class ArenaFindings : public AllocatorFindings, public testing::WithParamInterface<const char*> {};

TEST_P(ArenaFindings, ThreadsThatShareOneWaitInside) {
  ExpectContention(Find("one_arena", {}, GetParam()));
}

TEST_P(ArenaFindings, ThreadsThatHaveTheirOwnDoNot) {
  const nlohmann::json findings = Find("arenas", {}, GetParam());
  EXPECT_EQ(KindsOf(findings), Kinds{}) << findings.dump(1);
}

INSTANTIATE_TEST_SUITE_P(Modes, ArenaFindings, testing::Values("full", "sample"));

// An allocator with a mutex that everybody waits for, by the program's own count.
TEST_F(AllocatorFindings, WaitsForTheAllocatorsMutexAreItsContention) {
  const nlohmann::json findings = Find("one_lock", {{"LD_PRELOAD", Sample("liblocked_malloc.so")}});
  ExpectContention(findings);
  const ProcessTruth truth = Truth();
  EXPECT_NE(TextOf(findings[0]).find(truth.values.at("contended") + " waits "), std::string::npos)
      << findings.dump(1);
  EXPECT_LE(ToEstimate(findings[0].at("gains").at("time_ns")).value, truth.Number("wait_ns"))
      << "which it times around the calls";
  const std::string allocator = findings[0].at("where").at("allocator");
  EXPECT_TRUE(allocator.ends_with("/liblocked_malloc.so")) << allocator;
}

// Whether its threads wait is chance; but nobody is told to change jemalloc's own locks.
TEST_F(AllocatorFindings, LocksOfJemallocAreNotTheProgramsOwn) {
  const char* library = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";
  REQUIRE_INSTALLED(std::filesystem::exists(library), library, "libjemalloc2");
  ProcessOptions options;
  options.env = {{"MALLOC_CONF", "narenas:1,tcache:false"}};
  const Recording recording =
      Record({Sample("allocator_contention"), "arenas"}, {{"LD_PRELOAD", library}}, options);
  EXPECT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  for (const nlohmann::json& finding : Report(recording.dump()).at("findings"))
    EXPECT_FALSE(finding.at("where").contains("lock")) << finding.dump(1);
}

// ---- programs that nobody wrote for tests ---------------------------------------------------

class RealProgramFindings : public FindingsMatrix {
 protected:
  nlohmann::json Find(const RealProgram& program) {
    return FindingsMatrix::Find(program.name, program.argv, {{"MODE", "full"}}, program.options);
  }
  // With one thread there is nobody to wait for, nor to hand a block to. And what grows for a few seconds, as the keys of a
  // server under load do, is not surely a leak.
  static void ExpectNothingOfThreads(const nlohmann::json& findings) {
    for (const nlohmann::json& finding : findings) {
      EXPECT_FALSE(finding.at("where").contains("lock")) << finding.dump(1);
      EXPECT_NE(finding.at("kind"), "cross_thread");
      EXPECT_NE(finding.at("kind"), "false_sharing");
      if (finding.at("kind") == "leak") EXPECT_EQ(finding.at("confidence"), "low");
      ExpectComplete(finding);
    }
  }
};

TEST_F(RealProgramFindings, OfSqlite3) {
  const RealProgram program = Sqlite3(20'000);
  REQUIRE_PROGRAM("sqlite3", "sqlite3");
  ExpectNothingOfThreads(Find(program));
}

TEST_F(RealProgramFindings, OfCc1plus) {
  TempDir dir;
  const RealProgram program = Cc1plus(dir.path(), "-O1");
  REQUIRE_INSTALLED(!program.path().empty(), "cc1plus", "g++");
  ExpectNothingOfThreads(Find(program));
}

// A server of one busy thread: the others wait for work that nobody asks for here.
TEST_F(RealProgramFindings, OfRedisUnderLoad) {
  REQUIRE_PROGRAM("redis-server", "redis-server");
  REQUIRE_PROGRAM("redis-benchmark", "redis-tools");
  TempDir dir;
  const std::string socket = dir / "redis.sock";
  ProcessOptions options;
  options.env = AgentEnvironment(dir.path(), {{"MODE", "full"}});
  BackgroundProcess server({"redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                            "--appendonly", "no", "--dir", dir.path()},
                           options);
  ASSERT_TRUE(WaitFor([&] { return std::filesystem::exists(socket); })) << "redis does not start";
  for (const char* requests : {"set,get,lpush,lpop", "hset,sadd,zadd"}) {
    const ProcessResult load = RunProcess({"redis-benchmark", "-s", socket, "-q", "-n", "20000",
                                           "-r", "5000", "-d", "100", "-t", requests});
    ASSERT_TRUE(load.Succeeded()) << load.Describe();
  }
  server.Signal(SIGTERM);
  ASSERT_TRUE(server.Wait().Succeeded());
  const std::vector<std::filesystem::path> dumps = DumpsIn(dir.path());
  ASSERT_EQ(dumps.size(), 1u);
  const nlohmann::json findings = Report(dumps).at("findings");
  matrix->Add("redis", findings);
  ExpectNothingOfThreads(findings);
}

}  // namespace
}  // namespace perfagent::test

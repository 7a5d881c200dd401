// In full mode the figures are heaptrack's, number by number; where they differ the test names the
// function that made the difference.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/heaptrack.h"
#include "tests/support/report.h"

namespace perfagent::test {
namespace {

// What heaptrack's presence allocates and the bare program does not.
bool IsOfHeaptrackItself(const HeaptrackSite& site) {
  // sqlite3 is C; libstdc++ comes with heaptrack's library and makes its pool for exceptions.
  if (site.size == 72704 && site.IsBelow("_dl_init") && site.IsBelow("call_init")) return true;
  for (const std::string& module : site.modules) {
    if (module.ends_with("libheaptrack_preload.so")) return true;
  }
  return false;
}

// Heaptrack's definition, on addresses: freed while it is still the latest allocation and nothing
// was freed since. A realloc is a free and an allocation to it.
class TemporaryCounter {
 public:
  void Handle(const Event& event) {
    if (event.api.ends_with("free") || event.api.starts_with("operator delete")) {
      Free(event.fields.at(0));
    } else if (event.fields.at(0).starts_with("old=")) {
      const std::string new_block = event.fields.at(1).substr(4);
      Free(event.fields.at(0).substr(4));
      if (new_block != "0x0") Allocate(new_block);
    } else if (!event.api.starts_with("pthread_")) {
      Allocate(event.fields.at(0));
    }
  }
  uint64_t temporary() const { return temporary_; }

 private:
  void Allocate(const std::string& address) { last_ = address; }
  void Free(const std::string& address) {
    if (address == last_) ++temporary_;
    last_.clear();
  }

  std::string last_;
  uint64_t temporary_ = 0;
};

ProcessOptions SqliteInput() {
  ProcessOptions options;
  options.env["HOME"] = "/nonexistent";
  options.stdin_text = R"(
CREATE TABLE t(a INTEGER, b TEXT);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 200000)
  INSERT INTO t SELECT (i * 7919) % 100003, 'row ' || i FROM c;
SELECT count(*), sum(a) FROM (SELECT a, b FROM t ORDER BY b DESC, a);
SELECT a, b FROM t ORDER BY a LIMIT 100;
SELECT group_concat(b) FROM t WHERE a < 300;
)";
  return options;
}

class AgainstHeaptrack : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_PROGRAM("heaptrack", "heaptrack");
    REQUIRE_PROGRAM("zstd", "zstd");
    REQUIRE_PROGRAM("sqlite3", "sqlite3");
  }
};

TEST_F(AgainstHeaptrack, Sqlite3HasTheSameFigures) {
  const std::vector<std::string> command = {"sqlite3", ":memory:"};
  const HeaptrackProfile heaptrack = RunHeaptrack(command, SqliteInput());
  const Recording recording = Record(command, {{"MODE", "full"}}, SqliteInput());
  ASSERT_TRUE(recording.process.Succeeded()) << recording.process.Describe();
  const nlohmann::json report = Report(recording.dump());
  ASSERT_EQ(report.at("loss").at("total"), 0);

  std::vector<bool> ignored;
  size_t ignored_count = 0;
  for (const HeaptrackSite& site : heaptrack.sites) {
    ignored.push_back(IsOfHeaptrackItself(site));
    if (ignored.back()) ++ignored_count;
  }
  EXPECT_LE(ignored_count, 1u) << "only the pool of libstdc++";
  const HeaptrackProfile::Totals truth = heaptrack.Sum(ignored);
  ASSERT_GT(truth.allocations, 200'000u);

  const nlohmann::json& heap = report.at("heap");
  const auto value = [&](const char* metric) {
    return static_cast<uint64_t>(ToEstimate(heap.at(metric)).value);
  };
  EXPECT_EQ(value("allocations"), truth.allocations);
  EXPECT_EQ(value("bytes"), truth.bytes);
  EXPECT_EQ(value("peak_bytes"), truth.peak_bytes);

  // At exit heaptrack calls __libc_freeres, the agent never does; of what sqlite3 leaves, libc frees
  // nothing then. So what is left is the same, named or suppressed.
  uint64_t left_bytes = value("leaked_bytes");
  uint64_t left_blocks = value("leaked_blocks");
  for (const nlohmann::json& suppressed : heap.at("suppressed")) {
    left_bytes += static_cast<uint64_t>(ToEstimate(suppressed.at("bytes")).value);
    left_blocks += static_cast<uint64_t>(ToEstimate(suppressed.at("blocks")).value);
  }
  EXPECT_EQ(left_bytes, value("live_bytes"));
  EXPECT_EQ(left_blocks, value("live_blocks"));
  EXPECT_EQ(left_bytes, truth.leaked_bytes);
  EXPECT_EQ(left_blocks, truth.leaked_blocks);
  EXPECT_EQ(Sum({heap}, kEndedBlocks).value, static_cast<double>(truth.frees));

  TemporaryCounter temporary;
  ForEachEvent(recording.dump(), [&](const Event& event) { temporary.Handle(event); });
  EXPECT_EQ(temporary.temporary(), heaptrack.temporary);
}

}  // namespace
}  // namespace perfagent::test

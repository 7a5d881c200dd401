// What is found in many processes becomes one list, whose amounts are those that the dumps were built with.
#include "analyzer/findings/merged_findings.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>

#include "analyzer/findings/all_findings.h"
#include "analyzer/views/pool.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;

// Processes of a second, each with the program elsewhere.
class MergedFindingsTest : public testing::Test {
 protected:
  // Threads that wait at one place for a lock in the program's data, and in another function for one of another kind.
  void BuildWaits(uint64_t shift, uint64_t mutex_ns, uint64_t rwlock_ns, DumpBuilder* dump) {
    dump->header().end_ticks = kSecond;
    dump->header().pid = static_cast<uint32_t>(shift >> 20);
    StreamBuilder& stream = dump->AddStream();
    stream.Thread(0, 1, "main");
    dump->Module(0x400000 + shift, 0x500000 + shift, "/nonexistent/app");
    SegmentBuilder& table = dump->AddLockTable();
    const auto wait = [&](uint64_t lock, uint64_t caller, uint64_t ns, LockApi api) {
      if (ns == 0) return;
      const uint64_t stack = dump->Stack({caller + shift, 0x402000 + shift});
      stream.Put(LockWaitRecord{api, 0, 20, ns, lock + shift, stack});
      table.PutSlot(lock + shift, caller + shift, 1, ns, api);
    };
    wait(0x9000, 0x401000, mutex_ns, LockApi::kMutexLock);
    wait(0xa000, 0x403000, rwlock_ns, LockApi::kRwlockWrlock);
  }

  void AddWaits(uint64_t mutex_ns, uint64_t rwlock_ns = 0) {
    DumpBuilder dump;
    BuildWaits(++processes_ << 20, mutex_ns, rwlock_ns, &dump);
    Add(&dump);
  }

  void Add(DumpBuilder* dump) {
    Profile profile = ProfileOf(*dump);
    StackNames names(profile.dump.process, &symbolizer_);
    pool_.Add({profile, names}, FindProblems({profile, names}, {}));
    last_.emplace(std::move(profile));
  }

  const Findings& Merge() {
    pool_.Finish(*std::move(last_));
    return pool_.findings();
  }
  // Null when there is none, or several.
  static const Finding* Only(const Findings& findings, const std::string& kind) {
    const Finding* only = nullptr;
    for (const Finding& finding : findings) {
      if (finding.kind != kind) continue;
      if (only != nullptr) return nullptr;
      only = &finding;
    }
    return only;
  }

  Symbolizer symbolizer_{{.debug_paths = {}, .in_this_process = true}};
  Pool pool_;
  std::optional<Profile> last_;
  uint64_t processes_ = 0;
};

TEST_F(MergedFindingsTest, OfOnePlaceAreOneAndTheirGainsAddUp) {
  for (uint64_t i = 1; i <= 20; ++i) AddWaits(i * 10 * kMs + 200 * kMs);
  const Findings& findings = Merge();
  const Finding* lock = Only(findings, "hot_lock");
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(lock->where.lock, "mutex, first waited for in app+0xfff");
  EXPECT_EQ(lock->where.address, 0u);
  EXPECT_EQ(lock->spread->processes, 20u);
  EXPECT_EQ(lock->spread->all_processes, 20u);
  EXPECT_EQ(lock->gains.time_ns->value, 20 * 21 / 2 * 10 * kMs + 20 * 200 * kMs);
  EXPECT_TRUE(lock->gains.time_ns->IsExact());
  EXPECT_EQ(lock->spread->pid, 20u) << "where most was waited";
  EXPECT_EQ(lock->title, "threads waited 400 ms for one lock") << "is said of that one";
}

TEST_F(MergedFindingsTest, ComeInTheOrderOfWhatIsAtStakeInAllProcesses) {
  AddWaits(0, 500 * kMs);
  for (int i = 0; i < 9; ++i) AddWaits(200 * kMs);
  const Findings& findings = Merge();
  ASSERT_GE(findings.size(), 2u);
  EXPECT_EQ(findings.front().where.lock, "mutex, first waited for in app+0xfff");
  EXPECT_EQ(findings.front().spread->processes, 9u);
  EXPECT_NEAR(findings.front().stake, 0.5 * 9 * 0.2 / 10, 1e-9) << "of medium confidence";
  const Finding* rwlock = Only(findings, "rwlock");
  ASSERT_NE(rwlock, nullptr);
  EXPECT_EQ(rwlock->spread->processes, 1u);
  EXPECT_EQ(rwlock->spread->all_processes, 10u);
}

TEST_F(MergedFindingsTest, OfQuietProcessesThereAreNone) {
  for (int i = 0; i < 3; ++i) AddWaits(kMs);
  EXPECT_TRUE(Merge().empty());
}

TEST_F(MergedFindingsTest, DeadlocksOfProcessesAreOneWhereTheirLocksAre) {
  for (uint64_t i = 1; i <= 3; ++i) {
    DumpBuilder dump;
    dump.Module(0x400000 + (i << 20), 0x500000 + (i << 20), "/nonexistent/app");
    const uint64_t stack = dump.Stack({0x401000 + (i << 20)});
    dump.AddStream().current().SetWait(LockApi::kMutexLock, 0x9300 + i, 50, 1, 1, stack);
    Add(&dump);
  }
  const Findings& findings = Merge();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_STREQ(findings.front().kind, "deadlock");
  EXPECT_EQ(findings.front().spread->processes, 3u);
}

// Findings that no rule made, of a process without events.
class MergedByHandTest : public testing::Test {
 protected:
  Symbolizer symbolizer_{{.debug_paths = {}, .in_this_process = true}};
  DumpBuilder dump_;
  Profile profile_ = ProfileOf(dump_);
  StackNames names_{profile_.dump.process, &symbolizer_};
  StackNames merged_names_{profile_.dump.process, &symbolizer_};
  MergedFindings merged_{&merged_names_};
};

// Intervals of independent estimates: half-widths of 30 and 40 make 50.
TEST_F(MergedByHandTest, ErrorsOfGainsAddInSquares) {
  Finding finding;
  finding.kind = "temporary";
  finding.gains.calls = Estimate{1000, 970, 1030};
  merged_.Add({profile_, names_}, {finding});
  finding.gains.calls = Estimate{500, 460, 540};
  merged_.Add({profile_, names_}, {finding});
  const Findings findings = merged_.Finish();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].gains.calls->value, 1500);
  EXPECT_EQ(findings[0].gains.calls->low, 1450);
  EXPECT_EQ(findings[0].gains.calls->high, 1550);
  EXPECT_FALSE(findings[0].gains.time_ns.has_value());
}

TEST_F(MergedByHandTest, OfOneProcessThereAreSoManyAtMostAndTheRestIsCounted) {
  Findings findings;
  for (size_t i = 0; i < MergedFindings::kMostOfAProcess + 7; ++i) {
    Finding& finding = findings.emplace_back();
    finding.kind = "hot_lock";
    finding.where.lock_anywhere = "lock " + std::to_string(i);
  }
  merged_.Add({profile_, names_}, std::move(findings));
  EXPECT_EQ(merged_.left_out(), 7u);
  EXPECT_EQ(merged_.Finish().size(), MergedFindings::kMostOfAProcess);
}

}  // namespace
}  // namespace perfagent::test

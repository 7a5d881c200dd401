#include "analyzer/findings/lock_findings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kLock = 0x9000;

// Recordings of a second.
class LockFindings : public testing::Test {
 protected:
  LockFindings() : stream_(dump_.AddStream()), table_(dump_.AddLockTable()) {}

  void PutSection(uint64_t hold, uint64_t wait, uint64_t allocator = 0) {
    stream_.Put(LockSectionRecord{LockApi::kMutexLock, kSectionContended, time_, hold, 0, kLock, 0,
                                  0, wait, allocator / 100, allocator, allocator, 0, 0, 0});
  }
  void PutWait(uint64_t wait, std::vector<WaitCut> cuts) {
    stream_.Put(LockWaitRecord{LockApi::kMutexLock, 0, time_, wait, kLock, 0, 0, 0, cuts.size(),
                               cuts.data()});
    time_ += wait;
  }
  std::vector<std::string> Kinds() {
    const Profile profile = ProfileOf(dump_);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    std::vector<std::string> kinds;
    for (const Finding& finding : FindLockProblems({profile, names})) {
      EXPECT_FALSE(finding.title.empty() || finding.where.lock.empty() ||
                   finding.evidence.empty() || finding.gain.empty() || finding.remedy.empty());
      kinds.emplace_back(finding.kind);
    }
    return kinds;
  }
  using Expected = std::vector<std::string>;

  DumpBuilder dump_;
  StreamBuilder& stream_;
  SegmentBuilder& table_;
  uint64_t time_ = 100;
};

TEST_F(LockFindings, ALockThatIsHardlyWaitedForIsNone) {
  table_.PutSlot(kLock, 0x401000, 1000, 5'000'000);
  PutSection(1000, 100);
  EXPECT_EQ(Kinds(), Expected{});
}

TEST_F(LockFindings, ALockThatThreadsWaitForIsHot) {
  table_.PutSlot(kLock, 0x401000, 10, 300'000'000);
  EXPECT_EQ(Kinds(), Expected{"hot_lock"});
}

TEST_F(LockFindings, ALockThatIsHeldMostOfTheTimeIsHot) {
  table_.PutSlot(kLock, 0x401000, 10, 20'000'000);
  PutSection(600'000'000, 100);
  EXPECT_EQ(Kinds(), Expected{"hot_lock"});
}

TEST_F(LockFindings, AQueueForShortSectionsIsAConvoy) {
  for (int i = 0; i < 30; ++i) {
    PutWait(1'000'000, {{300'000, 0, 0}, {600'000, 0, 0}, {999'000, 0, 0}});
    PutSection(1000, 1'000'000);
  }
  EXPECT_EQ(Kinds(), Expected{"convoy"});
}

TEST_F(LockFindings, ThreadsThatWaitForOneLongSectionAreNoConvoy) {
  for (int i = 0; i < 30; ++i) {
    PutWait(10'000'000, {{9'700'000, 0, 0}, {9'800'000, 0, 0}, {9'900'000, 0, 0}});
    PutSection(i % 3 == 0 ? 9'700'000 : 1000, 1);
  }
  const std::vector<std::string> kinds = Kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "convoy"), 0);
}

TEST_F(LockFindings, AllocatingInAContendedSectionIsSaid) {
  table_.PutSlot(kLock, 0x401000, 10, 20'000'000);
  PutSection(1'000'000, 100, 300'000);
  EXPECT_EQ(Kinds(), Expected{"alloc_under_lock"});
}

TEST_F(LockFindings, WritersThatWaitAreSaid) {
  table_.PutSlot(kLock, 0x401000, 10, 20'000'000, LockApi::kRwlockWrlock);
  table_.PutSlot(kLock, 0x401000, 10, 1'000'000, LockApi::kRwlockRdlock);
  EXPECT_EQ(Kinds(), Expected{"rwlock"});
}

TEST_F(LockFindings, TwoContendedLocksInOneCacheLineAreSaidOnce) {
  table_.PutSlot(kLock, 0x401000, 10, 1000);
  table_.PutSlot(kLock + 40, 0x401000, 10, 1000);
  table_.PutSlot(kLock + 80, 0x401000, 10, 1000);
  EXPECT_EQ(Kinds(), Expected{"false_sharing"});
}

TEST_F(LockFindings, ALockThatIsTriedAgainAndAgainIsPolled) {
  LockTableEntry slot{.lock = kLock,
                      .caller = 0x401000,
                      .contended = 0,
                      .wait_ns = 0,
                      .longest_wait_ns = 0,
                      .released = 0,
                      .refused = 999,
                      .thread = 1,
                      .api = LockApi::kMutexTrylock,
                      .reserved0 = {}};
  table_.PutSlot(slot);
  EXPECT_EQ(Kinds(), Expected{});
  slot.caller = 0x402000;
  table_.PutSlot(slot);
  EXPECT_EQ(Kinds(), Expected{"polling"});
}

TEST_F(LockFindings, DeadlocksAndContradictingOrdersAreSaid) {
  stream_.Put(LockAcquireRecord{LockApi::kMutexLock, 10, 0xa000, 0, 0, kLock});
  stream_.Put(LockAcquireRecord{LockApi::kMutexLock, 20, kLock, 0, 0, 0xa000});
  stream_.current().SetWait(LockApi::kMutexLock, kLock, 50, 1, 1);
  EXPECT_EQ(Kinds(), (Expected{"deadlock", "lock_order"}));
}

}  // namespace
}  // namespace perfagent::test

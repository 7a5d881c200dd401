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

class RwlockFindings : public LockFindings {
 protected:
  // Writers' waits, each cut by so many releases of readers or of writers.
  Finding FindingOf(uint64_t cut_flags, size_t cuts_of_each) {
    constexpr uint64_t kWaitNs = 1'000'000;
    std::vector<WaitCut> cuts(cuts_of_each);
    const uint64_t holder = dump_.Stack({0x402000});
    for (size_t i = 0; i < cuts.size(); ++i)
      cuts[i] = {kWaitNs / cuts.size() * (i + 1), 0, holder, cut_flags};
    for (int i = 0; i < 20; ++i, time_ += kWaitNs) {
      stream_.Put(LockWaitRecord{LockApi::kRwlockWrlock, 0, time_, kWaitNs, kLock, 0, 0, 0,
                                 cuts.size(), cuts.data()});
    }
    table_.PutSlot(kLock, 0x401000, 20, 20 * kWaitNs, LockApi::kRwlockWrlock);
    const Profile profile = ProfileOf(dump_);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    Findings findings;
    FindWaitingWriters({profile, names}, &findings);
    return findings.size() == 1 ? findings.front() : Finding();
  }
};

TEST_F(RwlockFindings, ReadersThatRelieveOneAnotherStarveWriters) {
  const Finding finding = FindingOf(kCutByReader, 3);
  EXPECT_EQ(finding.title, "writers are starved by readers");
  EXPECT_EQ(finding.confidence, Confidence::kHigh);
}

TEST_F(RwlockFindings, OneReaderIsALongOne) {
  const Finding finding = FindingOf(kCutByReader, 1);
  EXPECT_EQ(finding.title, "writers wait for long readers");
  EXPECT_EQ(finding.confidence, Confidence::kHigh);
}

TEST_F(RwlockFindings, WritersThatWaitForWritersAccuseNoReaders) {
  const Finding finding = FindingOf(0, 3);
  EXPECT_EQ(finding.title, "writers wait for a read-write lock");
  EXPECT_EQ(finding.confidence, Confidence::kLow);
}

class HerdFindings : public LockFindings {
 protected:
  void PutWaits(uint64_t contended, uint64_t futile) {
    table_.PutSlot({.lock = kLock,
                    .caller = 0x401000,
                    .contended = contended,
                    .wait_ns = 1000,
                    .longest_wait_ns = 1000,
                    .released = 0,
                    .refused = futile,
                    .thread = 1,
                    .api = LockApi::kCondWait,
                    .reserved0 = {}});
  }
};

TEST_F(HerdFindings, ABroadcastThatWakesManyForNothingIsSaid) {
  PutWaits(800, 700);
  table_.PutRelease(kLock, 0x402000, 100, LockApi::kCondBroadcast);
  EXPECT_EQ(Kinds(), Expected{"thundering_herd"});
}

TEST_F(HerdFindings, SignalsMayHaveWokenThemAll) {
  PutWaits(800, 700);
  table_.PutRelease(kLock, 0x402000, 100, LockApi::kCondBroadcast);
  table_.PutRelease(kLock, 0x403000, 600, LockApi::kCondSignal);
  EXPECT_EQ(Kinds(), Expected{});
}

TEST_F(HerdFindings, ABroadcastThatMostHaveWorkForIsNone) {
  PutWaits(800, 300);
  table_.PutRelease(kLock, 0x402000, 100, LockApi::kCondBroadcast);
  EXPECT_EQ(Kinds(), Expected{});
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

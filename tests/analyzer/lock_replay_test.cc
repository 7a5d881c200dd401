#include "analyzer/replay/lock_replay.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string_view>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kTimedOut = 110;  // ETIMEDOUT

LockWaitRecord Wait(uint64_t time_ns, uint64_t wait_ns, uint64_t lock, uint64_t stack,
                    uint64_t result = 0) {
  return {LockApi::kMutexLock, result, time_ns, wait_ns, lock, stack};
}

TEST(LockReplay, TablesOfAllStreamsAddUpPerLockAndCaller) {
  DumpBuilder dump;
  SegmentBuilder& first = dump.AddLockTable();
  first.PutSlot(0x10, 0x401000, 3, 300);
  first.PutSlot(0x20, 0x402000, 1, 5);
  SegmentBuilder& second = dump.AddLockTable();
  second.PutSlot(0x10, 0x401000, 2, 200);
  second.PutSlot(0x10, 0x403000, 1, 900);
  const LockProfile locks = ProfileOf(dump).locks;
  EXPECT_EQ(locks.contended, 7u);
  EXPECT_EQ(locks.wait_ns, 1405u);
  ASSERT_EQ(locks.locks.size(), 2u);
  const Lock& hot = locks.locks[0];
  EXPECT_EQ(hot.address, 0x10u);
  EXPECT_EQ(hot.contended, 6u);
  EXPECT_EQ(hot.wait_ns, 1400u);
  ASSERT_EQ(hot.callers.size(), 2u);
  EXPECT_EQ(hot.callers[0].pc, 0x403000u) << "the longest wait comes first";
  EXPECT_EQ(hot.callers[1].wait_ns, 500u);
}

TEST(LockReplay, KeptWaitsHaveTheirStacksAndTimeoutsAreWaits) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  const uint64_t a = dump.Stack({0x401000});
  const uint64_t b = dump.Stack({0x402000});
  stream.Put(Wait(10, 100, 0x10, a));
  stream.Put(Wait(200, 50, 0x10, a, kTimedOut));
  stream.Put(Wait(300, 500, 0x10, b));
  dump.AddLockTable().PutSlot(0x10, 0x401000, 3, 650);
  const LockProfile locks = ProfileOf(dump).locks;
  ASSERT_EQ(locks.locks.size(), 1u);
  const Lock& lock = locks.locks[0];
  EXPECT_EQ(lock.wait_ns, 650u);
  ASSERT_EQ(lock.waits.size(), 2u);
  EXPECT_EQ(lock.waits[0].wait_ns.value(), 500);
  EXPECT_EQ(lock.waits[1].waits.value(), 2);
  EXPECT_TRUE(lock.waits[1].waits.Interval().IsExact());
}

TEST(LockReplay, ReadersAndWritersOfAnRwlockAreApart) {
  DumpBuilder dump;
  SegmentBuilder& table = dump.AddLockTable();
  table.PutSlot(0x10, 0x401000, 3, 300, LockApi::kRwlockRdlock);
  table.PutSlot(0x10, 0x401000, 1, 50, LockApi::kRwlockWrlock);
  table.PutSlot(0x10, 0x402000, 2, 70, LockApi::kRwlockClockrdlock);
  table.PutSlot(0x10, 0x403000, 4, 800, LockApi::kRwlockTimedwrlock);
  const LockProfile locks = ProfileOf(dump).locks;
  ASSERT_EQ(locks.locks.size(), 1u);
  const Lock& lock = locks.locks[0];
  EXPECT_EQ(lock.kind, LockKind::kRwlock);
  EXPECT_EQ(lock.contended, 10u);
  EXPECT_EQ(lock.readers.contended, 5u);
  EXPECT_EQ(lock.readers.wait_ns, 370u);
  EXPECT_EQ(WritersOf(lock).contended, 5u);
  EXPECT_EQ(WritersOf(lock).wait_ns, 850u);
  EXPECT_EQ(lock.callers.size(), 4u) << "one caller, two functions: two";
}

TEST(LockReplay, EveryReadFunctionIsARead) {
  // By their names, so that the order of the list does not matter.
  for (uint8_t i = 0; i < static_cast<uint8_t>(LockApi::kCount); ++i) {
    const auto api = static_cast<LockApi>(i);
    const std::string_view name = perfagent::Name(api);
    EXPECT_EQ(KindOf(api) == LockKind::kRwlock, name.starts_with("pthread_rwlock_")) << name;
    EXPECT_EQ(IsRead(api), name.find("rdlock") != name.npos) << name;
  }
}

TEST(LockReplay, AMutexAndAnRwlockAtOneAddressAreTwo) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Put(Wait(10, 100, 0x10, 0));
  stream.Put(LockWaitRecord{LockApi::kRwlockWrlock, 0, 20, 7, 0x10, 0});
  SegmentBuilder& table = dump.AddLockTable();
  table.PutSlot(0x10, 0x401000, 1, 100);
  table.PutSlot(0x10, 0x402000, 1, 7, LockApi::kRwlockWrlock);
  const LockProfile locks = ProfileOf(dump).locks;
  ASSERT_EQ(locks.locks.size(), 2u);
  EXPECT_EQ(locks.locks[0].kind, LockKind::kMutex);
  EXPECT_EQ(locks.locks[0].wait_ns, 100u);
  EXPECT_EQ(locks.locks[1].kind, LockKind::kRwlock);
  EXPECT_EQ(locks.locks[1].wait_ns, 7u);
  EXPECT_EQ(locks.locks[1].waits.size(), 1u);
}

TEST(LockReplay, ReleasesWhileOthersWaitedAddUpPerCaller) {
  DumpBuilder dump;
  SegmentBuilder& first = dump.AddLockTable();
  first.PutSlot(0x10, 0x401000, 3, 300);
  first.PutRelease(0x10, 0x402000, 2);
  first.PutRelease(0x10, 0x403000, 5);
  dump.AddLockTable().PutRelease(0x10, 0x402000, 4);
  const LockProfile locks = ProfileOf(dump).locks;
  ASSERT_EQ(locks.locks.size(), 1u);
  const Lock& lock = locks.locks[0];
  EXPECT_EQ(lock.contended, 3u);
  EXPECT_EQ(lock.callers.size(), 1u) << "who only releases did not wait";
  EXPECT_EQ(lock.released, 11u);
  ASSERT_EQ(lock.releasers.size(), 2u);
  EXPECT_EQ(lock.releasers[0].pc, 0x402000u);
  EXPECT_EQ(lock.releasers[0].released, 6u);
}

TEST(LockReplay, SlotsOfFunctionsThatThereAreNotAreLeftOut) {
  DumpBuilder dump;
  SegmentBuilder& table = dump.AddLockTable();
  table.PutSlot(0x10, 0x401000, 3, 300, static_cast<LockApi>(200));
  table.PutSlot(0x10, 0x401000, 1, 10);
  EXPECT_EQ(ProfileOf(dump).locks.contended, 1u);
}

TEST(LockReplay, WaitsThatNoTableHeldStillCount) {
  DumpBuilder dump;
  dump.AddStream().Put(Wait(10, 100, 0x10, 0));
  const LockProfile locks = ProfileOf(dump).locks;
  EXPECT_EQ(locks.contended, 1u);
  EXPECT_EQ(locks.wait_ns, 100u);
}

TEST(LockReplay, SampledWaitsAreScaledByTheirLength) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  LockWaitRecord wait = Wait(10, 100, 0x10, 0);
  wait.interval = 1000;
  dump.AddStream().Put(wait);
  const LockProfile locks = ProfileOf(dump).locks;
  const double p = 1 - std::exp(-0.1);
  EXPECT_NEAR(locks.locks[0].waits[0].waits.value(), 1 / p, 1e-9);
  EXPECT_NEAR(locks.locks[0].waits[0].wait_ns.value(), 100 / p, 1e-9);
}

TEST(LockReplay, FullModeAcquisitionsAreTheSegmentsOwnCount) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.NextSegment().header().acquisitions = 40;
  stream.NextSegment().header().acquisitions = 2;
  const Estimate acquisitions = ProfileOf(dump).locks.acquisitions.Interval();
  EXPECT_EQ(acquisitions.value, 42);
  EXPECT_TRUE(acquisitions.IsExact());
}

TEST(LockReplay, WhereFullModeEndedWhatFollowsStandsForMore) {
  DumpBuilder dump;
  dump.header().full_until_ticks = 5000;
  StreamBuilder& stream = dump.AddStream();
  stream.NextSegment().header().acquisitions = 40;
  const uint64_t until_then = dump.Stack({0x401000}), after = dump.Stack({0x402000});
  stream.Put(Wait(4900, 100, 0x10, until_then));
  LockWaitRecord sampled = Wait(4901, 100, 0x10, after);
  sampled.interval = 1000;
  stream.Put(sampled);
  stream.Put(LockAcquireRecord{LockApi::kMutexLock, 6000, 0x10, 0, 1000});
  const LockProfile locks = ProfileOf(dump).locks;
  const double p = -std::expm1(-0.1);
  ASSERT_EQ(locks.locks[0].waits.size(), 2u);
  EXPECT_NEAR(locks.locks[0].waits[0].waits.value(), 1 / p, 1e-9);
  EXPECT_TRUE(locks.locks[0].waits[1].waits.Interval().IsExact());
  EXPECT_NEAR(locks.acquisitions.value(), 1040.5, 1e-3);
  EXPECT_NEAR(locks.acquisitions.variance() / (1000.0 * 1000), 1, 1e-3);
}

TEST(LockReplay, WhereNoAcquisitionWasSampledSomeMayHaveBeenMissed) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().acquire_interval = 1000;
  const Estimate acquisitions = ProfileOf(dump).locks.acquisitions.Interval();
  EXPECT_EQ(acquisitions.value, 0);
  EXPECT_EQ(acquisitions.low, 0);
  // Each is missed with probability 0.999, so many with 2.5 %.
  EXPECT_NEAR(std::pow(0.999, acquisitions.high), 0.025, 1e-4);
}

TEST(LockReplay, SampledAcquisitionsStandForTheirInterval) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().acquire_interval = 1000;
  StreamBuilder& stream = dump.AddStream();
  for (uint64_t i = 0; i < 5; ++i) {
    stream.Put(LockAcquireRecord{LockApi::kMutexLock, i, 0x10, 0, 1000});
  }
  const LockProfile locks = ProfileOf(dump).locks;
  EXPECT_NEAR(locks.acquisitions.value(), 5 * 1000.5, 1e-2);
  EXPECT_NEAR(locks.acquisitions.variance() / (5.0 * 1000 * 1000), 1, 1e-3);
}

TEST(LockReplay, TablesSayTheLongestWaitWhoWaitedAndWhoPolled) {
  DumpBuilder dump;
  dump.AddStream().Thread(0, 12, "worker");
  SegmentBuilder& table = dump.AddLockTable();
  LockTableEntry slot{.lock = 0x10,
                      .caller = 0x401000,
                      .contended = 3,
                      .wait_ns = 300,
                      .longest_wait_ns = 200,
                      .released = 0,
                      .refused = 0,
                      .thread = 12,
                      .api = LockApi::kMutexLock,
                      .reserved0 = {}};
  table.PutSlot(slot);
  slot.caller = 0x402000;
  table.PutSlot(slot);
  slot.thread = 13;
  slot.longest_wait_ns = 290;
  table.PutSlot(slot);
  slot = {.lock = 0x10,
          .caller = 0x403000,
          .contended = 0,
          .wait_ns = 0,
          .longest_wait_ns = 0,
          .released = 0,
          .refused = 7,
          .thread = 12,
          .api = LockApi::kMutexTrylock,
          .reserved0 = {}};
  table.PutSlot(slot);
  const Profile profile = ProfileOf(dump);
  const Lock& lock = profile.locks.locks.at(0);
  EXPECT_EQ(lock.longest_wait_ns, 290u);
  ASSERT_EQ(lock.threads.size(), 2u);
  EXPECT_EQ(lock.threads[0].tid, 12u);
  EXPECT_EQ(lock.threads[0].waits.wait_ns, 600u);
  EXPECT_EQ(profile.dump.process.ThreadName(12), "worker");
  EXPECT_EQ(profile.dump.process.ThreadName(13), "");
  EXPECT_EQ(lock.refused, 7u);
  ASSERT_EQ(lock.pollers.size(), 1u);
  EXPECT_EQ(lock.pollers[0].pc, 0x403000u);
  EXPECT_EQ(lock.contended, 9u) << "a refused try is no wait";
}

LockSectionRecord Section(uint64_t hold, uint64_t interval, uint64_t wait = 0, uint64_t flags = 0) {
  return {LockApi::kMutexLock, flags, 100, hold, 11, 0x10, 0, interval, wait, 2, 64, 5, 1, 3, 4};
}

TEST(LockReplay, SectionsOfBothStrataAddUpWithTheirWeights) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  StreamBuilder& stream = dump.AddStream();
  stream.Put(Section(40, 1000));
  stream.Put(Section(90, 500, 250, kSectionContended));
  const LockHolds holds = *ProfileOf(dump).locks.locks.at(0).holds;
  const double contended = 1 / -std::expm1(-0.5);
  const double drawn = 1 / -std::expm1(-0.001);
  EXPECT_NEAR(holds.sections.value(), drawn + contended, 1e-9);
  EXPECT_NEAR(holds.hold_ns.value(), 40 * drawn + 90 * contended, 1e-6);
  EXPECT_NEAR(holds.running_ns.value(), 10 * (drawn + contended), 1e-6) << "one less than recorded";
  EXPECT_NEAR(holds.allocations.value(), 2 * (drawn + contended), 1e-6);
  EXPECT_NEAR(holds.idle_ns.value(), 4 * (drawn + contended), 1e-6);
  EXPECT_EQ(holds.distribution.Quantile(0.5), 40u);
  EXPECT_EQ(holds.distribution.max(), 90u);
}

TEST(LockReplay, SectionsThatAreAllRecordedAreExact) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  for (const uint64_t hold : {4, 20, 30}) stream.Put(Section(hold, 0, 70, kSectionContended));
  const LockHolds holds = *ProfileOf(dump).locks.locks.at(0).holds;
  EXPECT_TRUE(holds.sections.Interval().IsExact());
  EXPECT_EQ(holds.hold_ns.value(), 54);
  EXPECT_EQ(holds.running_ns.value(), 4 + 10 + 10) << "of the shortest no more than all of it";
  EXPECT_EQ(holds.distribution.Quantile(0.5), 20u);
}

TEST(LockReplay, ThreadsThatWaitForOneAnotherAreDeadlocked) {
  DumpBuilder dump;
  constexpr LockApi kApi = LockApi::kMutexLock;
  StreamBuilder* streams[5];
  for (StreamBuilder*& stream : streams) stream = &dump.AddStream();
  const uint64_t stack = dump.Stack({0x401000});
  streams[0]->NextSegment().SetWait(kApi, 0x10, 500, 1, 2, stack);
  streams[1]->NextSegment().SetWait(kApi, 0x20, 400, 2, 3, stack);
  streams[2]->NextSegment().SetWait(kApi, 0x30, 600, 3, 1, stack);
  streams[3]->NextSegment().SetWait(kApi, 0x10, 700, 4, 2, stack);  // waits for the cycle
  streams[4]->NextSegment().SetWait(LockApi::kCondWait, 0x50, 100, 5, 5, stack);
  const LockProfile locks = ProfileOf(dump).locks;
  ASSERT_EQ(locks.unended.size(), 5u);
  EXPECT_EQ(locks.unended[0].tid, 5u) << "the longest first";
  ASSERT_EQ(locks.deadlocks.size(), 1u);
  ASSERT_EQ(locks.deadlocks[0].size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const UnendedWait& wait = locks.unended[locks.deadlocks[0][i]];
    const UnendedWait& next = locks.unended[locks.deadlocks[0][(i + 1) % 3]];
    EXPECT_EQ(wait.owner_tid, next.tid);
    EXPECT_NE(wait.stack, kNoStack);
  }
}

TEST(LockReplay, WithoutAKnownOwnerNothingIsADeadlock) {
  DumpBuilder dump;
  dump.AddStream().NextSegment().SetWait(LockApi::kMutexLock, 0x10, 500, 1, 2);
  dump.AddStream().NextSegment().SetWait(LockApi::kMutexLock, 0x20, 400, 2, 0);
  const LockProfile locks = ProfileOf(dump).locks;
  EXPECT_EQ(locks.unended.size(), 2u);
  EXPECT_TRUE(locks.deadlocks.empty());
}

TEST(LockReplay, AThreadThatTakesItsOwnMutexAgainIsDeadlocked) {
  DumpBuilder dump;
  dump.AddStream().NextSegment().SetWait(LockApi::kMutexLock, 0x10, 500, 1, 1);
  EXPECT_EQ(ProfileOf(dump).locks.deadlocks.size(), 1u);
}

TEST(LockReplay, OrdersComeFromAcquisitionsAndTriesMakeNone) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Put(LockAcquireRecord{LockApi::kMutexLock, 10, 0x20, 0, 0, 0x10});
  stream.Put(LockAcquireRecord{LockApi::kMutexTrylock, 20, 0x10, 0, 0, 0x20});
  EXPECT_TRUE(ProfileOf(dump).locks.order_cycles.empty());
  stream.Put(LockAcquireRecord{LockApi::kMutexLock, 30, 0x10, 0, 0, 0x20});
  const LockProfile locks = ProfileOf(dump).locks;
  EXPECT_EQ(locks.order_cycles.size(), 1u);
  EXPECT_EQ(locks.acquisitions.value(), 0) << "they say the order and count for nothing";
}

}  // namespace
}  // namespace perfagent::test

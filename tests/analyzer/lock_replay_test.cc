#include "analyzer/replay/lock_replay.h"

#include <gtest/gtest.h>

#include <cmath>

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
  EXPECT_EQ(lock.longest_wait_ns, 500u);
  ASSERT_EQ(lock.waits.size(), 2u);
  EXPECT_EQ(lock.waits[0].wait_ns.value(), 500);
  EXPECT_EQ(lock.waits[1].waits.value(), 2);
  EXPECT_TRUE(lock.waits[1].waits.Interval().IsExact());
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
  dump.header().wait_interval_ns = 1000;
  dump.AddStream().Put(Wait(10, 100, 0x10, 0));
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
  for (uint64_t i = 0; i < 5; ++i) stream.Put(LockAcquireRecord{LockApi::kMutexLock, i, 0x10, 0});
  const LockProfile locks = ProfileOf(dump).locks;
  EXPECT_NEAR(locks.acquisitions.value(), 5000, 1e-6);
  EXPECT_NEAR(locks.acquisitions.variance(), 5.0 * 1000 * 999, 1e-3);
}

}  // namespace
}  // namespace perfagent::test

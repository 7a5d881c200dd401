// Locks in heap blocks: one address is another lock when its block was freed and another one holds it.
#include "analyzer/replay/lock_places.h"

#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/replay/lock_division.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kLock = 0x10040;
constexpr uint64_t kCaller = 0x401000;

class LockPlacesTest : public testing::Test {
 protected:
  LockPlacesTest() : stream_(dump_.AddStream()) {
    dump_.Module(0x400000, 0x500000, "/nonexistent/app");
    cache_ = dump_.Stack({0x402000});
    pool_ = dump_.Stack({0x403000});
    waiter_ = dump_.Stack({kCaller});
  }

  void Wait(uint64_t time, uint64_t wait_ns, uint64_t interval = 0, uint64_t lock = kLock) {
    stream_.Put(LockWaitRecord{LockApi::kMutexLock, 0, time, wait_ns, lock, waiter_, 0, interval});
  }
  void Table(uint64_t contended, uint64_t wait_ns, uint64_t lock = kLock) {
    dump_.AddLockTable().PutSlot(lock, kCaller, contended, wait_ns);
  }
  void Alloc(uint64_t time, uint64_t address, uint64_t size, uint64_t stack,
             uint32_t limit = sampling::kNoLimit) {
    stream_.Put(AllocRecord{HeapApi::kMalloc, time, address, size, stack, limit});
  }
  std::deque<Lock> Locks() {
    profile_.emplace(ProfileOf(dump_.Bytes(), 2));
    return profile_->locks.locks;
  }
  // Who allocated its block; 0 when none is known.
  uint64_t AllocatedBy(const Lock& lock) {
    if (!lock.allocation) return 0;
    return profile_->dump.process.Frames(lock.allocation->stack).at(0).pc;
  }
  void Sampled() {
    dump_.header().mode = Mode::kSample;
    dump_.header().interval_bytes = 0;
  }

  DumpBuilder dump_;
  StreamBuilder& stream_;
  std::optional<Profile> profile_;
  uint64_t cache_, pool_, waiter_;
};

TEST_F(LockPlacesTest, ALockIsKnownByTheBlockThatHoldsIt) {
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 5);
  stream_.Free(40, 0x10000);
  Table(1, 5);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 1u);
  EXPECT_EQ(locks[0].generation, 1u);
  EXPECT_EQ(AllocatedBy(locks[0]), 0x402000u);
  EXPECT_EQ(locks[0].allocation->offset, 0x40u);
  EXPECT_EQ(locks[0].allocation->size, 128u);
  EXPECT_TRUE(locks[0].allocation->is_followed);
  EXPECT_EQ(locks[0].contended, 1u);
  EXPECT_EQ(DoubtOf(locks[0]).more.contended, 0u);
}

TEST_F(LockPlacesTest, ABlockThatEndsBeforeTheLockDoesNotHoldIt) {
  Alloc(10, 0x10000, 0x40, cache_);
  Alloc(11, kLock + 1, 64, pool_);
  Wait(20, 5);
  Table(1, 5);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 1u);
  EXPECT_EQ(locks[0].generation, 0u);
  EXPECT_FALSE(locks[0].allocation);
}

TEST_F(LockPlacesTest, AnotherBlockAtTheAddressHoldsAnotherLock) {
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 100);
  stream_.Free(200, 0x10000);
  Alloc(210, 0x10020, 256, pool_);
  Wait(220, 30);
  Wait(260, 7);
  Table(3, 137);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(AllocatedBy(locks[0]), 0x402000u);
  EXPECT_EQ(locks[0].contended, 1u);
  EXPECT_EQ(locks[0].wait_ns, 100u);
  EXPECT_EQ(AllocatedBy(locks[1]), 0x403000u);
  EXPECT_EQ(locks[1].generation, 2u);
  EXPECT_EQ(locks[1].allocation->offset, 0x20u);
  EXPECT_EQ(locks[1].contended, 2u);
  EXPECT_EQ(locks[1].wait_ns, 37u);
  for (const Lock& lock : locks) {
    EXPECT_EQ(DoubtOf(lock).more.wait_ns, 0u) << "all waits were kept: the parts are exact";
    ASSERT_EQ(lock.callers.size(), 1u);
    EXPECT_EQ(lock.callers[0].wait_ns, lock.wait_ns);
  }
}

TEST_F(LockPlacesTest, BlocksOfWhichNoLockWasUsedDoNotCount) {
  for (uint64_t i = 0; i < 100; ++i) {
    Alloc(10 + 10 * i, 0x10000, 128, pool_);
    stream_.Free(15 + 10 * i, 0x10000);
  }
  Alloc(2000, 0x10000, 128, cache_);
  Wait(2010, 5);
  Table(1, 5);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 1u);
  EXPECT_EQ(locks[0].generation, 1u);
  EXPECT_EQ(AllocatedBy(locks[0]), 0x402000u);
}

TEST_F(LockPlacesTest, BeforeAndAfterItsBlockItIsAnUnknownLock) {
  Wait(5, 3);
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 100);
  stream_.Free(200, 0x10000);
  Wait(300, 4);
  Table(3, 107);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(locks[0].generation, 0u);
  EXPECT_EQ(locks[0].wait_ns, 7u);
  EXPECT_EQ(locks[1].generation, 1u);
  EXPECT_EQ(locks[1].wait_ns, 100u);
}

TEST_F(LockPlacesTest, ReallocThatMovesTakesNoLockAlong) {
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 100);
  stream_.Realloc(200, 0x10000, 0x20000, 256, pool_);
  Wait(300, 4, 0, 0x20040);
  Wait(310, 2);
  Table(2, 102);
  Table(1, 4, 0x20040);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 3u);
  EXPECT_EQ(AllocatedBy(locks[0]), 0x402000u);
  EXPECT_EQ(AllocatedBy(locks[1]), 0x403000u);
  EXPECT_EQ(locks[1].address, 0x20040u);
  EXPECT_EQ(locks[2].generation, 0u) << "freed";
}

TEST_F(LockPlacesTest, TheLastBlockThatBeganIsTheOneWhenAnEndWasLost) {
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 100);
  Alloc(200, 0x10030, 64, pool_);
  Wait(210, 5);
  stream_.Free(220, 0x10000);
  Wait(230, 6);
  Table(3, 111);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(AllocatedBy(locks[1]), 0x403000u);
  EXPECT_EQ(locks[1].contended, 2u) << "the late free is not of its block";
}

TEST_F(LockPlacesTest, WaitsInDifferentWindowsFindTheirBlocks) {
  Alloc(10, 0x10000, 128, cache_);
  for (uint64_t i = 0; i < 200'000; ++i) {
    Alloc(100 + 20 * i, 0x900000 + i % 64 * 64, 32, pool_);
    stream_.Free(110 + 20 * i, 0x900000 + i % 64 * 64);
    if (i % 1000 == 500) Wait(115 + 20 * i, 1);
    if (i == 100'000) {
      stream_.Free(116 + 20 * i, 0x10000);
      Alloc(117 + 20 * i, 0x10000, 128, pool_);
    }
  }
  Table(200, 200);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(locks[0].contended, 100u);
  EXPECT_EQ(locks[1].contended, 100u);
  // However many shards see these blocks.
  const std::vector<uint8_t> bytes = dump_.Bytes();
  for (const size_t threads : {1, 5}) {
    const LockProfile other = ProfileOf(bytes, threads).locks;
    ASSERT_EQ(other.locks.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(other.locks[i].contended, locks[i].contended);
      EXPECT_EQ(other.locks[i].allocation->stack, locks[i].allocation->stack);
    }
  }
}

TEST_F(LockPlacesTest, ALockOfWhichNoWaitWasKeptIsInTheOnlyBlockThatHeldIt) {
  Sampled();
  Alloc(10, 0x10000, 128, cache_);
  Alloc(11, 0x20000, 128, cache_);
  stream_.Free(12, 0x20000);
  Alloc(13, 0x20000, 128, pool_);
  Table(1, 5);
  Table(1, 5, 0x20040);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(AllocatedBy(locks[0]), 0x402000u);
  EXPECT_EQ(locks[1].generation, 0u) << "of two nobody knows which";
}

TEST_F(LockPlacesTest, SampledWaitsOfSeveralLocksShareTheExactSum) {
  Sampled();
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 1000, 1000);
  stream_.Free(2000, 0x10000);
  Alloc(2010, 0x10000, 128, pool_);
  Wait(2020, 1000, 1000);
  Wait(4020, 1000, 1000);
  Table(31, 31'003);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(locks[0].contended + locks[1].contended, 31u);
  EXPECT_EQ(locks[0].wait_ns + locks[1].wait_ns, 31'003u);
  EXPECT_NEAR(static_cast<double>(locks[1].wait_ns), 2.0 * 31'003 / 3, 2);
  EXPECT_EQ(locks[0].contended - DoubtOf(locks[0]).fewer.contended, 1u) << "it was seen";
  EXPECT_EQ(locks[0].contended + DoubtOf(locks[0]).more.contended, 29u) << "the others' were seen";
}

// What the report says of each lock adds up, whatever share of its address's sums it has.
void ExpectSumsOf(const Lock& lock) {
  EXPECT_LE(lock.kept.wait_ns, lock.wait_ns);
  EXPECT_LE(lock.kept.waits, lock.contended);
  EXPECT_EQ(lock.kept.blame_ns + lock.kept.hand_over_ns + lock.kept.unattributed_ns,
            lock.kept.wait_ns);
  EXPECT_LE(DoubtOf(lock).fewer.contended, lock.contended);
  for (const LockThread& thread : lock.threads) {
    EXPECT_LE(thread.doubt.fewer.contended, thread.waits.contended);
    EXPECT_LE(thread.waits.contended, lock.contended);
  }
}

TEST_F(LockPlacesTest, TwoLocksAtOneAddressShareTheWaitsOfEachThread) {
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 100);
  stream_.Free(200, 0x10000);
  Alloc(210, 0x10000, 128, pool_);
  for (uint64_t i = 0; i < 3; ++i) Wait(220 + 10 * i, 100);
  SegmentBuilder& table = dump_.AddLockTable();
  for (const uint32_t thread : {1, 2}) {
    LockTableEntry slot{};
    slot.lock = kLock;
    slot.caller = kCaller;
    slot.contended = 2;
    slot.wait_ns = 200;
    slot.thread = thread;
    slot.api = LockApi::kMutexLock;
    table.PutSlot(slot);
  }
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  for (const Lock& lock : locks) {
    ExpectSumsOf(lock);
    EXPECT_EQ(lock.kept.wait_ns, lock.wait_ns);
    EXPECT_EQ(DoubtOf(lock).more.contended, 0u) << "all were kept";
  }
  EXPECT_EQ(locks[0].contended, 1u);
  ASSERT_EQ(locks[1].threads.size(), 2u);
  for (const LockThread& thread : locks[1].threads) {
    EXPECT_EQ(thread.waits.wait_ns, 150u);
    EXPECT_EQ(thread.waits.wait_ns - thread.doubt.fewer.wait_ns, 100u) << "the rest is the other's";
    EXPECT_EQ(thread.waits.wait_ns + thread.doubt.more.wait_ns, 200u);
  }
}

TEST_F(LockPlacesTest, WhoseUnkeptWaitsWereIsInTheInterval) {
  Sampled();
  Alloc(10, 0x10000, 128, cache_);
  stream_.Put(
      LockSectionRecord{LockApi::kMutexLock, 0, 20, 5, 0, kLock, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  stream_.Free(200, 0x10000);
  Alloc(210, 0x10000, 128, pool_);
  Wait(220, 1000, 1000);
  dump_.AddLockTable().PutSlot(kLock, kCaller, 5, 1400, LockApi::kMutexLock, 3);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  for (const Lock& lock : locks) ExpectSumsOf(lock);
  EXPECT_EQ(locks[0].contended, 0u);
  EXPECT_EQ(DoubtOf(locks[0]).more.contended, 4u);
  EXPECT_EQ(locks[1].contended, 5u);
  EXPECT_EQ(DoubtOf(locks[1]).fewer.contended, 4u);
  EXPECT_EQ(locks[1].released, 3u);
  EXPECT_EQ(ReleaseDoubtOf(locks[1]).fewer, 3u);
}

TEST_F(LockPlacesTest, AWaitThatDidNotEndIsForTheLockInTheBlockAtTheEnd) {
  Alloc(10, 0x10000, 128, cache_);
  stream_.Free(200, 0x10000);
  Alloc(210, 0x10000, 128, pool_);
  stream_.current().SetWait(LockApi::kMutexLock, kLock, 300, 7, 0);
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 1u);
  EXPECT_EQ(locks[0].generation, 1u);
  EXPECT_EQ(AllocatedBy(locks[0]), 0x403000u);
  ASSERT_EQ(profile_->locks.unended.size(), 1u);
  EXPECT_EQ(profile_->locks.unended[0].lock, LockId(0));
}

TEST_F(LockPlacesTest, OfALockThatNobodyWaitedForTheBlockIsNotLookedFor) {
  Alloc(10, 0x10000, 128, cache_);
  stream_.Put(
      LockSectionRecord{LockApi::kMutexLock, 0, 20, 5, 0, kLock, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 1u);
  EXPECT_EQ(locks[0].generation, 0u);
  EXPECT_FALSE(locks[0].allocation);
}

TEST_F(LockPlacesTest, ABlockThatSamplingDroppedIsNotKnownToBeLive) {
  Sampled();
  Alloc(10, 0x10000, 128, cache_, sampling::LimitCode(1000));
  Alloc(11, 0x20000, 128, cache_, sampling::LimitCode(1'000'000));
  stream_.Put(ThinRecord{100, 64'000});
  for (const uint64_t lock : {kLock, uint64_t{0x20040}}) {
    Wait(200'000, 5, 0, lock);
    Table(1, 5, lock);
  }
  const std::deque<Lock> locks = Locks();
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(AllocatedBy(locks[0]), 0x402000u);
  EXPECT_FALSE(locks[0].allocation->is_followed);
  EXPECT_TRUE(locks[1].allocation->is_followed);
}

TEST_F(LockPlacesTest, ReportsSayHowALockGotItsName) {
  Alloc(10, 0x10000, 128, cache_);
  Wait(20, 100);
  Wait(30, 5, 0, 0x90000);
  Table(1, 100);
  Table(1, 5, 0x90000);
  Locks();
  const nlohmann::json report = nlohmann::json::parse(JsonReportOf(&*profile_));
  const nlohmann::json& locks = report.at("locks").at("objects");
  EXPECT_EQ(locks.at(0).at("name"), "app+0x1fff+0x40");
  EXPECT_EQ(locks.at(0).at("named_by"), "allocation");
  EXPECT_EQ(locks.at(0).at("generation"), 1);
  EXPECT_EQ(locks.at(0).at("allocated_at").at("offset"), 0x40);
  EXPECT_EQ(locks.at(0).at("allocated_at").at("size"), 128);
  EXPECT_EQ(locks.at(0).at("allocated_at").at("followed"), true);
  EXPECT_EQ(locks.at(0).at("allocated_at").at("stack").at(0).at("function"), "app+0x1fff");
  EXPECT_EQ(locks.at(1).at("named_by"), "first_wait");
  EXPECT_TRUE(locks.at(1).at("allocated_at").is_null());
  const std::string text = TextReportOf(&*profile_);
  EXPECT_NE(text.find("at +0x40 of 128 bytes allocated by app+0x1fff"), std::string::npos) << text;
}

TEST(LockDivision, PartsAreWhatWasSeenAndAShareOfTheRest) {
  const std::vector<DividedPart> parts = Divide(100, std::vector<SeenPart>{{10, 1}, {30, 3}});
  EXPECT_EQ(parts[0].value, 25u);
  EXPECT_EQ(parts[0].low, 10u);
  EXPECT_EQ(parts[0].high, 70u);
  EXPECT_EQ(parts[1].value, 75u);
}

TEST(LockDivision, WhatNothingIsKnownOfIsTheLastOnes) {
  const std::vector<DividedPart> parts = Divide(100, std::vector<SeenPart>{{10, 0}, {30, 0}});
  EXPECT_EQ(parts[0].value, 10u);
  EXPECT_EQ(parts[1].value, 90u);
}

TEST(LockDivision, MoreThanTheTotalWasSeenAllTheSame) {
  const std::vector<DividedPart> parts = Divide(3, std::vector<SeenPart>{{2, 1}, {2, 1}});
  EXPECT_EQ(parts[0].value + parts[1].value, 4u);
  EXPECT_EQ(parts[0].high, 2u);
}

}  // namespace
}  // namespace perfagent::test

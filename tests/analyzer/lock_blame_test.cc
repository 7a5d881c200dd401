// Who made whom wait: kept waits, their cuts, and the records of the releases.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kLock = 0x10;

class LockBlameTest : public testing::Test {
 protected:
  LockBlameTest() : waiter_(dump_.AddStream()), holder_(dump_.AddStream()) {
    wait_stack_ = dump_.Stack({0x401000});
    a_ = dump_.Stack({0x402000});
    b_ = dump_.Stack({0x403000});
  }

  void PutWait(uint64_t time, uint64_t wait, std::vector<WaitCut> cuts, uint64_t flags = 0,
               uint64_t interval = 0, LockApi api = LockApi::kMutexLock) {
    waiter_.Put(LockWaitRecord{api, 0, time, wait, kLock, wait_stack_, flags, interval, cuts.size(),
                               cuts.data()});
  }
  void PutRelease(uint64_t time, uint64_t stack, uint64_t lock = kLock) {
    holder_.Put(LockReleaseRecord{LockApi::kMutexUnlock, time, lock, stack});
  }
  Lock Replay() {
    profile_.emplace(ProfileOf(dump_));
    return profile_->locks.locks.at(0);
  }
  uint64_t PcOf(StackId stack) { return profile_->dump.process.Frames(stack).at(0).pc; }
  static void ExpectWhole(const Lock& lock) {
    EXPECT_EQ(lock.kept.blame_ns + lock.kept.hand_over_ns + lock.kept.unattributed_ns,
              lock.kept.wait_ns);
  }

  DumpBuilder dump_;
  StreamBuilder& waiter_;
  StreamBuilder& holder_;
  uint64_t wait_stack_, a_, b_;
  std::optional<Profile> profile_;
};

TEST_F(LockBlameTest, AWaitIsCutAtTheReleasesItOverlapped) {
  PutWait(100, 1000, {{300, 1, a_}, {900, 1, b_}});
  const Lock lock = Replay();
  ExpectWhole(lock);
  EXPECT_EQ(lock.kept.blame_ns, 900u);
  EXPECT_EQ(lock.kept.hand_over_ns, 100u);
  ASSERT_EQ(lock.pairs.size(), 2u);
  EXPECT_EQ(PcOf(lock.pairs[0].holder), 0x403000u) << "the greatest first";
  EXPECT_EQ(PcOf(lock.pairs[0].waiter), 0x401000u);
  EXPECT_EQ(lock.pairs[0].wait_ns.value(), 600);
  EXPECT_EQ(lock.pairs[1].wait_ns.value(), 300);
  EXPECT_TRUE(lock.pairs[0].wait_ns.Interval().IsExact());
  EXPECT_EQ(profile_->locks.hand_over_ns.value(), 100);
  EXPECT_EQ(profile_->locks.unattributed_ns.value(), 0);
}

TEST_F(LockBlameTest, AnRwlocksReadersAndWritersAreApartEvenWithOneStack) {
  PutWait(100, 1000, {{300, 1, a_, kCutByReader}, {900, 1, a_}}, 0, 0, LockApi::kRwlockWrlock);
  const Lock lock = Replay();
  ExpectWhole(lock);
  ASSERT_EQ(lock.pairs.size(), 2u);
  EXPECT_EQ(lock.pairs[0].role, Role::kWriter);
  EXPECT_EQ(lock.pairs[0].wait_ns.value(), 600);
  EXPECT_EQ(lock.pairs[1].role, Role::kReader);
  EXPECT_EQ(lock.pairs[1].wait_ns.value(), 300);
  EXPECT_EQ(lock.rwlock->writers_waited.for_readers_ns.value(), 300);
  EXPECT_EQ(lock.rwlock->writers_waited.for_writers_ns.value(), 600);
  EXPECT_EQ(lock.rwlock->writers_waited.readers_left.value(), 1);
  EXPECT_TRUE(lock.rwlock->readers_waited.waits.IsEmpty());
}

TEST_F(LockBlameTest, WaitingReadersAreCountedForThemselves) {
  PutWait(100, 1000, {{300, 1, a_}}, 0, 0, LockApi::kRwlockRdlock);
  const Lock lock = Replay();
  EXPECT_EQ(lock.rwlock->readers_waited.for_writers_ns.value(), 300);
  EXPECT_TRUE(lock.rwlock->writers_waited.waits.IsEmpty());
}

TEST_F(LockBlameTest, AMutexHasNoRoles) {
  PutWait(100, 1000, {{300, 1, a_}});
  const Lock lock = Replay();
  EXPECT_EQ(lock.pairs.at(0).role, Role::kNone);
  EXPECT_TRUE(lock.rwlock->writers_waited.waits.IsEmpty());
}

TEST_F(LockBlameTest, AnOpenCutIsTheReleaseOfItsStreamLockAndTime) {
  PutRelease(400, b_);         // another wait's
  PutRelease(500, b_, 0x999);  // another lock's
  PutRelease(500, a_);
  PutWait(100, 1000, {{400, 1, 0}});
  const Lock lock = Replay();
  ASSERT_EQ(lock.pairs.size(), 1u);
  EXPECT_EQ(PcOf(lock.pairs[0].holder), 0x402000u);
  EXPECT_EQ(lock.kept.blame_ns, 400u);
  ExpectWhole(lock);
}

TEST_F(LockBlameTest, AReleaseRecordedBeforeTheWaitIsFoundToo) {
  PutRelease(500, a_);
  // What came before keeps the stream's order: in the replay this wait comes after the release.
  waiter_.Alloc(5000, 0x77000, 8, 0);
  PutWait(100, 1000, {{400, 1, 0}});
  EXPECT_EQ(Replay().kept.blame_ns, 400u);
}

TEST_F(LockBlameTest, AnOpenCutWithoutReleaseIsUnattributed) {
  PutRelease(520, a_);
  waiter_.Put(LockReleaseRecord{LockApi::kMutexUnlock, 500, kLock, a_});  // of another stream
  PutWait(100, 1000, {{400, 1, 0}, {600, 1, a_}});
  const Lock lock = Replay();
  EXPECT_EQ(lock.kept.unattributed_ns, 400u);
  EXPECT_EQ(lock.kept.blame_ns, 200u);
  EXPECT_EQ(lock.kept.hand_over_ns, 400u);
  ExpectWhole(lock);
}

TEST_F(LockBlameTest, TicksOfACounterMeetAgainAsNanoseconds) {
  dump_.header().clock = Clock::kTsc;
  dump_.header().start_monotonic_ns = 1'000'000'000;
  dump_.header().calibration_ticks = 2'999'777'000;
  dump_.header().calibration_monotonic_ns = 2'000'000'000;
  for (uint64_t i = 1; i <= 50; ++i) {
    const uint64_t begin = i * 100'003, after = 7'001 * i % 50'000 + 1;
    PutWait(begin, 60'000, {{after, 1, 0}});
    PutRelease(begin + after, a_);
  }
  const Lock lock = Replay();
  EXPECT_EQ(lock.kept.unattributed_ns, 0u);
  EXPECT_GT(lock.kept.blame_ns, 0u);
  ExpectWhole(lock);
}

TEST_F(LockBlameTest, HostileCutsStillAddUp) {
  PutWait(100, 1000, {{UINT64_MAX, 1, a_}, {5, 7777, 0}, {20, 1, 999'999}}, kWaitCutsLost);
  PutWait(UINT64_MAX - 5, UINT64_MAX, {{UINT64_MAX, 1, 0}, {3, 1, b_}});
  const Lock lock = Replay();
  ExpectWhole(lock);
  EXPECT_EQ(lock.kept.waits, 2u);
}

TEST_F(LockBlameTest, PiecesOfASampledWaitHaveItsWeight) {
  dump_.header().mode = Mode::kSample;
  PutWait(100, 1000, {{300, 1, a_}, {900, 1, a_}}, 0, 5000);
  const Lock lock = Replay();
  const double weight = 1 / -std::expm1(-0.2);
  ASSERT_EQ(lock.pairs.size(), 1u);
  EXPECT_NEAR(lock.pairs[0].waits.value(), weight, 1e-9) << "one wait, though in two pieces";
  EXPECT_NEAR(lock.pairs[0].wait_ns.value(), 900 * weight, 1e-9);
  EXPECT_NEAR(lock.hand_over_ns.value(), 100 * weight, 1e-9);
  EXPECT_EQ(lock.kept.blame_ns, 900u) << "not scaled";
}

TEST_F(LockBlameTest, AConditionsWaitsAreNoContention) {
  PutWait(100, 1000, {{700, 1, a_}}, 0, 0, LockApi::kCondWait);
  const Lock lock = Replay();
  EXPECT_FALSE(lock.is_lock);
  EXPECT_EQ(lock.reacquire_ns.value(), 300);
  ASSERT_EQ(lock.pairs.size(), 1u);
  EXPECT_EQ(lock.contended, 1u);
  EXPECT_EQ(profile_->locks.contended, 0u);
  EXPECT_EQ(profile_->locks.wait_ns, 0u);
  EXPECT_EQ(profile_->locks.hand_over_ns.value(), 0);
}

TEST_F(LockBlameTest, WaitsThatWereNotKeptWhereAllAreAreUnattributed) {
  PutWait(100, 1000, {{700, 1, a_}});
  dump_.AddLockTable().PutSlot(kLock, 0x401000, 3, 5000);
  Replay();
  EXPECT_EQ(profile_->locks.unattributed_ns.value(), 4000);
}

}  // namespace
}  // namespace perfagent::test

#include "analyzer/model/futex_locks.h"

#include <gtest/gtest.h>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

TEST(FutexLocks, KnowsTheSlowPathsOfLocks) {
  for (const char* function :
       {"std::sys::sync::mutex::futex::Mutex::lock_contended",
        "std::sys::unix::locks::futex_rwlock::RwLock::read_contended",
        "absl::lts_20220623::Mutex::LockSlow(absl::lts_20220623::MuHowS const*, "
        "absl::lts_20220623::Condition const*, int)",
        "parking_lot::raw_mutex::RawMutex::lock_slow",
        "parking_lot::raw_rwlock::RawRwLock::lock_shared_slow", "__cxa_guard_acquire"}) {
    EXPECT_TRUE(IsLockFunction(function)) << function;
  }
  for (const char* function :
       {"std::sys::sync::condvar::futex::Condvar::wait", "absl::lts_20220623::CondVar::WaitCommon",
        "absl::lts_20220623::Mutex::AwaitCommon", "lock_contended", "main"}) {
    EXPECT_FALSE(IsLockFunction(function)) << function;
  }
}

TEST(FutexLocks, AFutexOfUnknownFunctionsIsNoLockAndOneOfTheKernelsIs) {
  DumpBuilder dump;
  SegmentBuilder& table = dump.AddLockTable();
  table.PutSlot(0x10, 0x401000, 1, 100, LockApi::kFutexWait);
  table.PutSlot(0x20, 0x401000, 2, 30, LockApi::kFutexLock);
  Profile profile = ProfileOf(dump);
  TextReportOf(&profile);  // which looks at the names
  EXPECT_FALSE(profile.locks.locks.at(0).is_lock);
  EXPECT_TRUE(profile.locks.locks.at(1).is_lock);
  EXPECT_EQ(profile.locks.contended, 2u);
  EXPECT_EQ(profile.locks.wait_ns, 30u);
}

}  // namespace
}  // namespace perfagent::test

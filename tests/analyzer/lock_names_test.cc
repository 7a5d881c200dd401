// What locks are called by what the dump says of where they lie.
#include "analyzer/report/lock_names.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr uint64_t kLock = 0x7f0000001040;

class LockNames : public testing::Test {
 protected:
  LockNames() : stream_(dump_.AddStream()) {
    stream_.Thread(0, 4711, "main");
    dump_.AddLockTable().PutSlot(kLock, 0x401000, 3, 1000);
    dump_.Module(0x400000, 0x500000, "/nonexistent/app");
  }

  struct Named {
    std::string name, by;
  };
  Named Name() {
    const Profile profile = ProfileOf(dump_);
    Symbolizer symbolizer({.debug_paths = {}, .in_this_process = true});
    StackNames names(profile.dump.process, &symbolizer);
    const Lock& lock = profile.locks.locks.at(0);
    return {LockName(lock, &names), LockNamedBy(lock, &names)};
  }
  void PutFile(uint64_t inode, uint64_t offset) {
    stream_.Put(LockMappingRecord{kLock, 0x801, inode, offset, "/dev/shm/pool"});
  }

  DumpBuilder dump_;
  StreamBuilder& stream_;
};

TEST_F(LockNames, WhereNothingIsKnownTheFirstWaitNamesIt) { EXPECT_EQ(Name().by, "first_wait"); }

TEST_F(LockNames, OnTheStackOfAThread) {
  stream_.Put(LockFrameRecord{kLock, 4711, 0});
  EXPECT_EQ(Name().by, "thread_stack");
  EXPECT_EQ(Name().name, "mutex 0x7f0000001040, on the stack of thread 4711 (main)");
}

TEST_F(LockNames, OnTheStacksOfTwoThreadsItIsNobodys) {
  stream_.Put(LockFrameRecord{kLock, 4711, 0});
  stream_.Put(LockFrameRecord{kLock, 4712, 0});
  EXPECT_EQ(Name().by, "first_wait");
}

TEST_F(LockNames, InTheFrameOfAFunction) {
  stream_.Put(LockFrameRecord{kLock, 4711, 0});
  stream_.Put(LockFrameRecord{kLock, 4711, dump_.Stack({0x401001, 0x402001})});
  stream_.Put(LockFrameRecord{kLock, 4711, dump_.Stack({0x401001, 0x403001})});
  EXPECT_EQ(Name().by, "frame");
  EXPECT_EQ(Name().name, "mutex 0x7f0000001040, in the frame of app+0x1000 of thread 4711 (main)");
}

TEST_F(LockNames, InTheFramesOfTwoFunctionsItIsInNone) {
  stream_.Put(LockFrameRecord{kLock, 4711, dump_.Stack({0x401001})});
  stream_.Put(LockFrameRecord{kLock, 4711, dump_.Stack({0x402001})});
  EXPECT_EQ(Name().by, "thread_stack");
}

TEST_F(LockNames, AFrameWithoutANameIsNone) {
  stream_.Put(LockFrameRecord{kLock, 4711, 77});
  EXPECT_EQ(Name().by, "thread_stack") << "the dump does not define that stack";
}

TEST_F(LockNames, InASharedFile) {
  PutFile(77, 0x40);
  PutFile(77, 0x40);
  EXPECT_EQ(Name().by, "mapping");
  EXPECT_EQ(Name().name, "/dev/shm/pool+0x40");
}

TEST_F(LockNames, InTwoFilesOneAfterTheOtherItIsInNone) {
  PutFile(77, 0x40);
  PutFile(78, 0x40);
  EXPECT_EQ(Name().by, "first_wait");
}

}  // namespace
}  // namespace perfagent::test

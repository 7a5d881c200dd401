// lock_profile.h: what the locks' events add up to.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/model/estimate.h"
#include "analyzer/model/event_stacks.h"
#include "analyzer/model/ids.h"

namespace perfagent {

// Waits of one lock from one caller, exact in both modes.
struct LockCaller {
  uint64_t pc = 0;  // return address into the function that called the lock function
  uint64_t contended = 0;
  uint64_t wait_ns = 0;
};

// Kept waits of one lock with one stack.
struct LockWaits {
  StackId stack;
  Tally waits = {};
  Tally wait_ns = {};
};

struct Lock {
  uint64_t address = 0;
  uint64_t contended = 0;  // waits that ended
  uint64_t wait_ns = 0;
  uint64_t longest_wait_ns = 0;          // among the kept ones
  Tally sampled_acquisitions = {};       // sampled mode only
  std::vector<LockCaller> callers = {};  // by wait time, greatest first
  std::vector<LockWaits> waits = {};     // by wait time, greatest first
  StackId first_wait = {};               // kNoStack when none was kept
};

struct LockProfile {
  std::vector<Lock> locks;  // indexed by LockId
  uint64_t contended = 0;
  uint64_t wait_ns = 0;
  Tally acquisitions;
  uint64_t undefined_stacks = 0;
  EventStacks stacks;  // of kept waits
};

}  // namespace perfagent

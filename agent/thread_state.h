// thread_state.h: what the hooks touch on every call: one cache line per thread.
//
// Constant-initialised and initial-exec: reading it allocates nothing and calls nothing, at any moment of a thread's
// life, before constructors and after destructors. All zero means "not started": the first call takes the slow path.
//
// Threads: owned by its thread. Signals: a handler on the same thread may see any intermediate state; AgentScope decides.
#pragma once

#include <cstdint>

namespace perfagent {

struct Stream;

// A countdown that never ends in practice: hooks that have nothing to record.
inline constexpr uint64_t kNever = uint64_t{1} << 63;
inline constexpr int64_t kNoLocks = INT64_MAX;
// A countdown that has ended and stays below zero however often it is counted down: full mode.
inline constexpr int64_t kEveryLock = INT64_MIN / 2;

struct alignas(64) ThreadState {
  uint64_t bytes_left;  // bytes until the next sampled allocation; 0 = every one, or not started
  int64_t
      locks_left;  // acquisitions until the next sampled one; below 0: ended (kEveryLock: full mode)
  uint64_t wait_left_ticks;  // contended wait until the next one kept (sampled mode)
  uint64_t random;           // generator state; 0 = not seeded
  uintptr_t guard;           // the AgentScope in force, 0 if none
  uint16_t quiet;            // the scope in force expects nested events: they are not losses
  uint16_t gap_is_cut;  // bytes_left ends before the next sample: the draw was too long to wait for
  uint32_t watch;       // not zero: what the thread does next is part of a followed section
  Stream* stream;       // this thread's writer; null until its first record
  uint64_t interval_bytes;  // mean of the draw that bytes_left came from; 0: every allocation

  // Charges an allocation of `size` bytes. False: it is to be recorded, and nothing was charged.
  // Unsigned, and one more than the size: neither a failing malloc(2^63) nor malloc(0) can stall the countdown.
  bool Spend(uint64_t size) {
    if (bytes_left <= size) [[unlikely]]
      return false;
    bytes_left -= size + 1;
    return true;
  }
  // False: the acquisition is to be recorded. Signed, and counted down past the end: the hooks then need one instruction
  // for it, and the next call takes the slow path as well, should a handler have left this one.
  bool SpendLock() { return --locks_left >= 0; }
};
static_assert(sizeof(ThreadState) == 64);

extern __attribute__((visibility("hidden"))) __thread ThreadState thread_state;

}  // namespace perfagent

// futile_wake.h: threads that are woken from a condition and find nothing to do.
//
// Such a thread waits for the same condition again without having let go of the mutex: between the two waits it takes no lock.
// A thread that does its work with the mutex held looks the same. Counted exactly, per condition, thread and caller.
//
// Threads: each its own, in its Stream. Signals: under an AgentScope; a handler that takes a lock in between costs a count.
#pragma once

#include <cstdint>

namespace perfagent {

struct Stream;

namespace lock {
struct Call;
}

namespace futile_wake {

// What the thread was last woken from, and by what can be told whether it has taken a lock since.
struct LastWake {
  uint64_t condition;      // 0: none
  int64_t locks_left;      // ThreadState's, which an acquisition on the fast path counts down
  uint64_t slow_acquired;  // acquisitions since that took the slow path
};

// A wait for what is no lock has ended with `result`.
void NoteWake(Stream* stream, const lock::Call& call, int result);
// The thread is about to wait.
void Count(Stream* stream, const lock::Call& call);

}  // namespace futile_wake

}  // namespace perfagent

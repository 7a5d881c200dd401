// agent_scope.h: a thread is either in the agent or not.
//
// A slow path enters the agent at its start and leaves at its end. What happens on the thread in between (a signal
// handler that allocates, the agent's own libraries) is refused entry and passes straight to the real function.
//
// The guard stores the address of its frame. A handler may longjmp out of a slow path: then the guard lies below the
// stack pointer of the same stack, was abandoned, and is taken over. On a different stack (sigaltstack, fiber) the
// comparison says nothing, and the guard is believed.
//
// errno is the guest's: the scope puts it back when it ends.
#pragma once

#include <cerrno>
#include <cstdint>

#include "agent/thread_state.h"

namespace perfagent {

class AgentScope {
 public:
  // kQuiet: nested events are part of this one (operator new calling malloc), not lost ones.
  enum Nested { kLost, kQuiet };

  explicit AgentScope(Nested nested = kLost) : errno_(errno) {
    ThreadState& t = thread_state;
    const uintptr_t frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    if (t.guard != 0 && !Abandoned(t.guard, frame)) return;
    t.guard = frame;
    t.quiet = nested == kQuiet;
    entered_ = true;
  }
  ~AgentScope() {
    if (entered_) thread_state.guard = 0;
    errno = errno_;
  }
  AgentScope(const AgentScope&) = delete;
  AgentScope& operator=(const AgentScope&) = delete;

  explicit operator bool() const { return entered_; }
  // After the guest's own call ran inside this scope: its errno is the one to keep.
  void KeepErrno() { errno_ = errno; }

 private:
  // The stack grows down: a live outer frame lies above this one. Frames further apart than any stack are on two.
  static bool Abandoned(uintptr_t guard, uintptr_t frame) {
    constexpr uintptr_t kSameStack = 64 << 10;
    return guard < frame && frame - guard < kSameStack;
  }

  int errno_;
  bool entered_ = false;
};

}  // namespace perfagent

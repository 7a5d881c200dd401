// agent_scope.h: a thread is either in the agent or not.
//
// A slow path enters the agent at its start and leaves at its end. What happens on the thread in between (a signal
// handler that allocates, the agent's own libraries) is refused entry and passes straight to the real function.
//
// The guard is the address of the scope in force, which holds a cookie while it lives. A handler may
// longjmp out of a slow path: then the guard was abandoned and is taken over. Abandoned are: a guard in
// the frames of our own call, up to `top`; one below us on the same stack; one whose cookie is gone. On a different stack (a
// signal stack, a fiber) a guard whose cookie is there is believed.
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

  // `top`: no scope that is in force lies between this one and it.
  explicit AgentScope(Nested nested = kLost, const void* top = __builtin_frame_address(0))
      : errno_(errno) {
    ThreadState& t = thread_state;
    if (t.guard != 0 && !TakeOver(t.guard, top)) [[unlikely]]
      return;
    t.guard = Self();
    t.quiet = nested == kQuiet;
    cookie_ = CookieAt(Self());
  }
  ~AgentScope() {
    if (cookie_ != 0) {
      cookie_ = 0;
      thread_state.guard = 0;
    }
    errno = errno_;
  }
  AgentScope(const AgentScope&) = delete;
  AgentScope& operator=(const AgentScope&) = delete;

  explicit operator bool() const { return cookie_ != 0; }
  // After the guest's own call ran inside this scope: its errno is the one to keep.
  void KeepErrno() { errno_ = errno; }

 private:
  static uint64_t CookieAt(uintptr_t address) { return address * 0x9e3779b97f4a7c15 | 1; }
  uintptr_t Self() const { return reinterpret_cast<uintptr_t>(this); }
  // False: the guard's scope is still in force.
  bool TakeOver(uintptr_t guard, const void* top) const;
  bool WasAbandoned(uintptr_t guard, const void* top) const;

  volatile uint64_t cookie_ = 0;  // first: the guard points at it
  int errno_;
};

}  // namespace perfagent

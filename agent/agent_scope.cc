#include "agent/agent_scope.h"

#include "agent/readable.h"
#include "agent/stream.h"

namespace perfagent {

bool AgentScope::TakeOver(uintptr_t guard, const void* top) const {
  if (!WasAbandoned(guard, top)) return false;
  if (Stream* stream = thread_state.stream) stream->WasLeft();
  return true;
}

bool AgentScope::WasAbandoned(uintptr_t guard, const void* top) const {
  const uintptr_t self = Self();
  if (guard >= self && guard < reinterpret_cast<uintptr_t>(top)) return true;
  if (guard == self) return true;
  if (const Stream* stream = thread_state.stream; stream != nullptr && guard < self) {
    // The stack grows down: what lies below a running function on its stack no longer runs.
    const StackBounds::Range range = stream->unwind.bounds.range();
    if (range.Contains(guard) && range.Contains(self)) return true;
  }
  if (!sandbox::MayAdvise()) return false;
  // A fiber's stack may be gone altogether.
  return !Readable(guard) || *reinterpret_cast<const volatile uint64_t*>(guard) != CookieAt(guard);
}

}  // namespace perfagent

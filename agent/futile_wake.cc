#include "agent/futile_wake.h"

#include "agent/record_lock.h"
#include "agent/stream.h"
#include "agent/thread_state.h"

namespace perfagent::futile_wake {

void NoteWake(Stream* stream, const lock::Call& call, int result) {
  if (KindOf(call.api) != LockKind::kCondition) return;
  stream->last_wake = {result == 0 ? call.address() : 0, thread_state.locks_left, 0};
}

void Count(Stream* stream, const lock::Call& call) {
  const LastWake before = stream->last_wake;
  stream->last_wake.condition = 0;
  if (before.condition == 0 || before.condition != call.address()) return;
  if (KindOf(call.api) != LockKind::kCondition) return;
  if (before.slow_acquired == 0 && before.locks_left == thread_state.locks_left)
    stream->SumRefusal(call.api, call.address(), call.caller());
}

}  // namespace perfagent::futile_wake

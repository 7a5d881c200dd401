// futex_hook.cc: syscall(SYS_futex): the locks of Abseil, folly, Rust and parking_lot, and waits for atomics.
//
// A word is what is waited for: whether it is a lock's, only its program knows. A wait whose word had changed was none.

#include <linux/futex.h>

#include "agent/real.h"
#include "agent/wait_call.h"

namespace perfagent {

namespace {

// `call` wakes those who wait for the word, or hands it to one of them.
template <typename Call>
long Wake(const void* word, uint64_t caller, long least, Call call) {
  const bool is_awaited = wait_table::MayBeWaitedFor(word) && lock::IsAwaited(word);
  const long result = call();
  if (is_awaited && result >= least) lock::RecordRelease(LockApi::kFutexWake, word, caller);
  return result;
}

}  // namespace

// Where syscall_hooks.cc sends number SYS_futex: the sixth argument lies on the stack.
extern "C" __attribute__((visibility("hidden"), used)) long PerfagentFutex(
    long number, long word, long operation, long value, long timeout, long word2, long value3) {
  const uint64_t caller = lock::Caller(__builtin_return_address(0));
  const auto* const address = reinterpret_cast<const void*>(word);
  const auto call = [=] {
    return real::syscall(number, word, operation, value, timeout, word2, value3);
  };
  switch (static_cast<int>(operation) & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
      return wait_call::Around<ErrnoResults>(LockApi::kFutexWait, address, caller, call);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return wait_call::Around<ErrnoResults>(LockApi::kFutexLock, address, caller, call);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
      return Wake(address, caller, 1, call);
    case FUTEX_UNLOCK_PI:
      return Wake(address, caller, 0, call);
    default:
      return call();
  }
}

}  // namespace perfagent

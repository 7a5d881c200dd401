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
long Wake(const void* word, HookFrame hook, long least, Call call) {
  if (!wait_table::MayBeWaitedFor(word)) return call();
  const lock::Release release = lock::BeginRelease(word);
  const long result = call();
  lock::EndRelease({LockApi::kFutexWake, word, hook}, release, result >= least ? 0 : EAGAIN);
  return result;
}

}  // namespace

// Where syscall_hooks.cc sends number SYS_futex: the sixth argument lies on the stack.
extern "C" __attribute__((visibility("hidden"), used)) long PerfagentFutex(
    long number, long word, long operation, long value, long timeout, long word2, long value3) {
  const HookFrame hook = HookFrame::Here();
  const auto* const address = reinterpret_cast<const void*>(word);
  const auto call = [=] {
    return real::syscall(number, word, operation, value, timeout, word2, value3);
  };
  switch (static_cast<int>(operation) & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
      return wait_call::Around<ErrnoResults>({LockApi::kFutexWait, address, hook}, call);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return wait_call::Around<ErrnoResults>({LockApi::kFutexLock, address, hook}, call);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
      return Wake(address, hook, 1, call);
    case FUTEX_UNLOCK_PI:
      return Wake(address, hook, 0, call);
    default:
      return call();
  }
}

}  // namespace perfagent

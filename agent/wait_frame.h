// wait_frame.h: calls in which a thread may be cancelled leave nothing behind.
//
// Cancellation, pthread_exit and exceptions unwind through the hook's frame. Run's has a personality routine, which the
// unwinder calls there: it ends the wait, and the unwinding goes on. Not pthread_cleanup_push: a handler that longjmps out
// of the call would leave libc with a handler in a dead frame, and crash the thread when it calls pthread_exit later. Nor
// what the compiler makes of a destructor: its personality routine needs libgcc_s.
//
// Threads: each has its own. Signals: a handler may wait amid a wait, and may leave it by longjmp.
#pragma once

#include <atomic>

#include "agent/record_lock.h"

namespace perfagent {

struct WaitFrame {
  void End(int error) {
    lock::EndWait(call, wait, error);
    wait.begin = 0;  // it has ended
  }

  lock::Call call;
  lock::Wait wait;
  WaitFrame* outer = nullptr;
};

namespace wait_frame {

// The calling thread's; after a longjmp what was, until its next one. Only Run's frame believes it.
extern __attribute__((visibility("hidden"))) __thread WaitFrame* innermost;

// Returns what `block` returns; if it never does, ends the wait as cancelled.
template <typename Block>
[[gnu::noinline]] auto Run(WaitFrame* wait, Block block) {
  // The word that holds the address: encoding "indirect, relative, four bytes".
  asm volatile(".cfi_personality 0x9b, perfagent_wait_personality");
  wait->outer = innermost;
  innermost = wait;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const auto result = block();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  innermost = wait->outer;
  return result;
}

}  // namespace wait_frame
}  // namespace perfagent

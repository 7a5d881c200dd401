// wait_call.h: what the hooks of all that is waited for, and is no lock, do alike.
//
// A wait is a slow path of its own: before it the thread is in the wait table, afterwards the wait is summed, and kept or
// not. What is waited for is known by its address, and a thread by its pthread_t.
//
// Most of these calls are cancellation points: nothing here may be noexcept (wait_frame.h).
#pragma once

#include "agent/call_results.h"
#include "agent/lock_call.h"
#include "agent/wait_frame.h"

namespace perfagent::wait_call {

using lock_call::NameOf;
inline const void* NameOf(pthread_t thread) { return reinterpret_cast<const void*>(thread); }

// Nobody owns what is waited for here, as far as it says.
inline constexpr uint64_t kNoOwner = 0;

// A wait that a signal cut short was one, and ended without what it was for.
inline int Ended(int error) { return error == EINTR ? ETIMEDOUT : error; }

// Calls `block`, which waits for `object`.
template <typename Results, typename Block>
auto Around(const lock::Call& call, Block block) {
  WaitFrame frame = {.call = call, .wait = lock::BeginWait(call, kNoOwner)};
  if (frame.wait.begin == 0) return block();
  const auto result = wait_frame::Run(&frame, block);
  frame.End(Ended(Results::Error(result)));
  return result;
}

// A function that waits for its first argument: what it is called in the dump, and the real one.
template <LockApi kApi, auto* kWait, typename Results = PosixResults>
struct Wait {
  template <typename Object, typename... Rest>
  [[gnu::noinline]] static int Call(Object object, Rest... rest) {
    return Around<Results>({kApi, NameOf(object), HookFrame::Here()},
                           [=] { return (*kWait)(object, rest...); });
  }
};

// A function that waits for a condition. The mutex is given away inside libc, where no hook sees it: whoever waits for it
// gets it from here. As an unlock of the mutex, which it is.
inline LockApi UnlockOf(const pthread_mutex_t*) { return LockApi::kMutexUnlock; }
inline LockApi UnlockOf(const mtx_t*) { return LockApi::kMtxUnlock; }

template <LockApi kApi, auto* kWait, typename Results = PosixResults>
struct ConditionWait {
  template <typename Condition, typename Mutex, typename... Rest>
  [[gnu::noinline]] static int Call(Condition* condition, Mutex* mutex, Rest... rest) {
    const HookFrame hook = HookFrame::Here();
    return Around<Results>({kApi, condition, hook}, [=] {
      ReleaseInside(mutex, hook);
      return (*kWait)(condition, mutex, rest...);
    });
  }

 private:
  template <typename Mutex>
  static void ReleaseInside(Mutex* mutex, HookFrame hook) {
    if (!wait_table::MayBeWaitedFor(mutex) && thread_state.watch == 0) return;
    if (!lock_call::IsLastLevel(mutex)) return;
    lock::EndRelease({UnlockOf(mutex), mutex, hook}, lock::BeginRelease(mutex), 0);
  }
};

// A function that waits for a semaphore if it cannot be had by trying.
template <LockApi kApi, auto* kWait, auto* kTry>
struct SemaphoreWait {
  template <typename Semaphore, typename... Rest>
  [[gnu::always_inline]] static int Call(Semaphore* semaphore, Rest... rest) {
    const int before = errno;
    if ((*kTry)(semaphore) == 0) return 0;
    errno = before;
    return Wait<kApi, kWait, ErrnoResults>::Call(semaphore, rest...);
  }
};

// A function that waits for all others. Whoever comes while others wait already ends their waiting for it, and the last one
// does not wait itself.
template <LockApi kApi, auto* kWait>
struct BarrierWait {
  struct Results {
    static int Error(int result) {
      return result == PTHREAD_BARRIER_SERIAL_THREAD ? ECANCELED : result;
    }
  };
  template <typename Barrier>
  [[gnu::noinline]] static int Call(Barrier* barrier) {
    const lock::Call call = {kApi, barrier, HookFrame::Here()};
    // Before this thread is one of those who wait.
    if (wait_table::MayBeWaitedFor(barrier)) {
      lock::EndRelease(call, lock::BeginRelease(barrier), 0);
    }
    return Around<Results>(call, [=] { return (*kWait)(barrier); });
  }
};

// A function that calls a routine once, and waits while another thread is in it. The routine may throw.
template <LockApi kApi, auto* kCall>
struct OnceWait {
  using Routine = void (*)();

  template <typename Flag>
  [[gnu::always_inline]] static auto Call(Flag* flag, Routine routine) {
    if (IsInProgress(flag)) [[unlikely]]
      return InProgress(flag, routine);
    return (*kCall)(flag, routine);
  }

 private:
  struct Frame : WaitFrame {
    Routine routine;
  };

  // glibc's word: 1 while the routine runs, then 2; above these bits how often the process had been forked.
  template <typename Flag>
  static bool IsInProgress(const Flag* flag) {
    static_assert(sizeof(Flag) == sizeof(int));
    return (__atomic_load_n(reinterpret_cast<const int*>(flag), __ATOMIC_RELAXED) & 3) == 1;
  }

  template <typename Flag>
  [[gnu::noinline]] static auto InProgress(Flag* flag, Routine routine) {
    using Result = decltype((*kCall)(flag, routine));  // nothing, or 0
    const lock::Call call = {kApi, flag, HookFrame::Here()};
    Frame frame = {{call, lock::BeginWait(call, kNoOwner)}, routine};
    if (frame.wait.begin == 0) return (*kCall)(flag, routine);
    wait_frame::Run(&frame, [=] { return (*kCall)(flag, CallInstead), 0; });
    frame.End(0);
    return static_cast<Result>(0);
  }

  // The other thread gave up (its routine threw, or it was cancelled), and this one is to call it: the wait is over.
  static void CallInstead() {
    auto* frame = static_cast<Frame*>(wait_frame::innermost);
    frame->End(0);
    frame->routine();
  }
};

}  // namespace perfagent::wait_call

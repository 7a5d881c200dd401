// hot_lock KIND [WAITERS [ROUNDS [HOLD_US]]]: a lock that is provably waited for, and how long.
//
//   mutex      the holder and the waiters lock it
//   recursive  the same, the holder twice
//   readers    the holder writes, the waiters read; they leave it together
//   writers    the holder reads, the waiters write
//
// In each round the holder takes the lock, sees every waiter asleep in futex on it (/proc/self/task/TID/syscall), keeps it
// for HOLD_US more, and releases it. So every call of a waiter waits, and none of the holder's does.
//
// Prints "wait NS" for each call of a waiter, by the clock just outside the call, and the truth: how many waits; the sum of
// those clocks (outer_ns), and of the time in which the waiters were asleep for certain (inner_ns); how often the holder
// and the waiters released the lock while others waited.
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstring>
#include <thread>
#include <vector>

#include "samples/lock_truth.h"

static union {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_rwlock_t rwlock;
} hot_lock;

static std::atomic<size_t> round_number, waiters_done;
static pthread_barrier_t all_have_it;

using Function = int(void*);
template <typename Lock>
static Function* OfAnyLock(int (*function)(Lock*)) {
  return reinterpret_cast<Function*>(function);
}

struct Kind {
  const char* name;
  Function* hold;
  Function* wait;
  Function* unlock;
  bool is_shared_by_waiters;
  bool is_recursive;
};
static const Kind kKinds[] = {
    {"mutex", OfAnyLock(pthread_mutex_lock), OfAnyLock(pthread_mutex_lock),
     OfAnyLock(pthread_mutex_unlock), false, false},
    {"recursive", OfAnyLock(pthread_mutex_lock), OfAnyLock(pthread_mutex_lock),
     OfAnyLock(pthread_mutex_unlock), false, true},
    {"readers", OfAnyLock(pthread_rwlock_wrlock), OfAnyLock(pthread_rwlock_rdlock),
     OfAnyLock(pthread_rwlock_unlock), true, false},
    {"writers", OfAnyLock(pthread_rwlock_rdlock), OfAnyLock(pthread_rwlock_wrlock),
     OfAnyLock(pthread_rwlock_unlock), false, false},
};
static const Kind* kind = kKinds;

// Each call has a function of its own, so that it has its own place in reports.
NAMED void WaitForLock() {
  if (kind->wait(&hot_lock) != 0) std::abort();
  EndOfFrame();
}
NAMED void ReleaseByWaiter() {
  if (kind->unlock(&hot_lock) != 0) std::abort();
  EndOfFrame();
}
NAMED void LeaveInnerLevel() {
  if (kind->unlock(&hot_lock) != 0) std::abort();
  EndOfFrame();
}
NAMED void ReleaseByHolder() {
  if (kind->unlock(&hot_lock) != 0) std::abort();
  EndOfFrame();
}

struct Waiter {
  std::atomic<pid_t> tid{0};
  std::vector<uint64_t> waits;
};

static void Wait(Waiter* waiter, size_t rounds) {
  waiter->waits.reserve(rounds);
  waiter->tid = static_cast<pid_t>(syscall(SYS_gettid));
  for (size_t round = 1; round <= rounds; ++round) {
    while (round_number < round) Nap(20);
    const uint64_t before = NowNs();
    WaitForLock();
    waiter->waits.push_back(NowNs() - before);
    if (kind->is_shared_by_waiters) pthread_barrier_wait(&all_have_it);
    ReleaseByWaiter();
    ++waiters_done;
  }
}

static uint64_t Hold(const std::vector<Waiter>& waiters, size_t hold_us) {
  for (int levels = kind->is_recursive ? 2 : 1; levels > 0; --levels) {
    if (kind->hold(&hot_lock) != 0) std::abort();
  }
  ++round_number;
  for (const Waiter& waiter : waiters) {
    while (!IsAsleepOn(waiter.tid, hot_lock)) Nap(20);
  }
  const uint64_t before = NowNs();
  Nap(hold_us);
  const uint64_t held = NowNs() - before;
  if (kind->is_recursive) LeaveInnerLevel();
  ReleaseByHolder();
  return held;
}

int main(int argc, char** argv) {
  for (const Kind& known : kKinds) {
    if (argc > 1 && std::strcmp(argv[1], known.name) == 0) kind = &known;
  }
  if (kind->is_recursive) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&hot_lock.mutex, &attributes);
  } else if (kind != kKinds) {
    pthread_rwlock_init(&hot_lock.rwlock, nullptr);
  }
  std::vector<Waiter> waiters(Argument(argc, argv, 2, 3));
  const size_t rounds = Argument(argc, argv, 3, 40);
  const size_t hold_us = Argument(argc, argv, 4, 1000);
  pthread_barrier_init(&all_have_it, nullptr, static_cast<unsigned>(waiters.size()));

  std::vector<std::thread> threads;
  for (Waiter& waiter : waiters) threads.emplace_back([&waiter, rounds] { Wait(&waiter, rounds); });
  for (const Waiter& waiter : waiters) {
    while (waiter.tid == 0) Nap(20);
  }
  uint64_t inner_ns = 0;
  for (size_t round = 1; round <= rounds; ++round) {
    inner_ns += waiters.size() * Hold(waiters, hold_us);
    while (waiters_done < round * waiters.size()) Nap(20);
  }
  for (std::thread& thread : threads) thread.join();

  uint64_t outer_ns = 0;
  for (const Waiter& waiter : waiters) {
    for (const uint64_t wait_ns : waiter.waits) {
      outer_ns += wait_ns;
      std::printf("wait %" PRIu64 "\n", wait_ns);
    }
  }
  // One after the other gets it, and all but the last release it to somebody.
  const size_t by_waiters = kind->is_shared_by_waiters ? 0 : rounds * (waiters.size() - 1);
  std::printf("truth contended=%zu outer_ns=%" PRIu64 " inner_ns=%" PRIu64
              " by_holder=%zu by_waiters=%zu\n",
              rounds * waiters.size(), outer_ns, inner_ns, rounds, by_waiters);
}

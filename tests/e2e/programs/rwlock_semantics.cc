// rwlock_semantics: every kind of rwlock, in every state, through every function, printing what came back. First while the
// program has one thread, then with others. The output must not depend on the agent.
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <shared_mutex>
#include <string>
#include <thread>

#include "tests/e2e/programs/lock_results.h"

struct Kind {
  int preference;
  int shared;
  const char* name;
};
static constexpr Kind kKinds[] = {
    {PTHREAD_RWLOCK_PREFER_READER_NP, PTHREAD_PROCESS_PRIVATE, "reader"},
    {PTHREAD_RWLOCK_PREFER_WRITER_NP, PTHREAD_PROCESS_PRIVATE, "writer"},
    {PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP, PTHREAD_PROCESS_PRIVATE, "writer nonrecursive"},
    {PTHREAD_RWLOCK_PREFER_READER_NP, PTHREAD_PROCESS_SHARED, "reader shared"},
    {PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP, PTHREAD_PROCESS_SHARED, "nonrecursive shared"},
};

class Rwlock {
 public:
  explicit Rwlock(const Kind& kind) {
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, kind.preference);
    pthread_rwlockattr_setpshared(&attributes, kind.shared);
    pthread_rwlock_init(&lock_, &attributes);
    pthread_rwlockattr_destroy(&attributes);
  }
  ~Rwlock() { pthread_rwlock_destroy(&lock_); }
  pthread_rwlock_t* get() { return &lock_; }

 private:
  pthread_rwlock_t lock_;
};

struct Call {
  const char* name;
  int (*call)(pthread_rwlock_t*);
  bool reads;
  bool may_block_for_ever;
};

using Timed = int (*)(pthread_rwlock_t*, const timespec*);
using Clocked = int (*)(pthread_rwlock_t*, clockid_t, const timespec*);

template <Timed kFunction, long kMs>
static int In(pthread_rwlock_t* lock) {
  const timespec deadline = After(CLOCK_REALTIME, kMs);
  return kFunction(lock, &deadline);
}
template <Timed kFunction, long kNs>
static int AtBadTime(pthread_rwlock_t* lock) {
  const timespec deadline = {1, kNs};
  return kFunction(lock, &deadline);
}
template <Timed kFunction>
static int LongBeforeAll(pthread_rwlock_t* lock) {
  const timespec deadline = {-5, 0};
  return kFunction(lock, &deadline);
}
template <Clocked kFunction, clockid_t kClock, long kMs = 5>
static int By(pthread_rwlock_t* lock) {
  const timespec deadline = After(kClock, kMs);
  return kFunction(lock, kClock, &deadline);
}
template <Clocked kFunction>
static int ByMonotonicAtBadTime(pthread_rwlock_t* lock) {
  const timespec deadline = {1, 1'000'000'000};
  return kFunction(lock, CLOCK_MONOTONIC, &deadline);
}
// For ever, which no header says.
template <Timed kFunction>
static int WithoutTime(pthread_rwlock_t* lock) {
  const timespec* volatile none = nullptr;
  return kFunction(lock, none);
}

static constexpr Call kCalls[] = {
    {"rdlock", pthread_rwlock_rdlock, true, true},
    {"wrlock", pthread_rwlock_wrlock, false, true},
    {"tryrdlock", pthread_rwlock_tryrdlock, true, false},
    {"trywrlock", pthread_rwlock_trywrlock, false, false},
    {"timedrdlock", In<pthread_rwlock_timedrdlock, 5>, true, false},
    {"timedwrlock", In<pthread_rwlock_timedwrlock, 5>, false, false},
    {"timedrdlock in the past", In<pthread_rwlock_timedrdlock, -5>, true, false},
    {"timedwrlock in the past", In<pthread_rwlock_timedwrlock, -5>, false, false},
    {"timedrdlock before 1970", LongBeforeAll<pthread_rwlock_timedrdlock>, true, false},
    {"timedwrlock before 1970", LongBeforeAll<pthread_rwlock_timedwrlock>, false, false},
    {"timedrdlock at -1 ns", AtBadTime<pthread_rwlock_timedrdlock, -1>, true, false},
    {"timedwrlock at -1 ns", AtBadTime<pthread_rwlock_timedwrlock, -1>, false, false},
    {"timedrdlock at 10^9 ns", AtBadTime<pthread_rwlock_timedrdlock, 1'000'000'000>, true, false},
    {"timedwrlock at 10^9 ns", AtBadTime<pthread_rwlock_timedwrlock, 1'000'000'000>, false, false},
    {"timedrdlock without time", WithoutTime<pthread_rwlock_timedrdlock>, true, true},
    {"timedwrlock without time", WithoutTime<pthread_rwlock_timedwrlock>, false, true},
    {"clockrdlock monotonic", By<pthread_rwlock_clockrdlock, CLOCK_MONOTONIC>, true, false},
    {"clockwrlock monotonic", By<pthread_rwlock_clockwrlock, CLOCK_MONOTONIC>, false, false},
    {"clockrdlock realtime", By<pthread_rwlock_clockrdlock, CLOCK_REALTIME>, true, false},
    {"clockwrlock realtime", By<pthread_rwlock_clockwrlock, CLOCK_REALTIME>, false, false},
    {"clockrdlock cputime", By<pthread_rwlock_clockrdlock, CLOCK_THREAD_CPUTIME_ID>, true, false},
    {"clockwrlock cputime", By<pthread_rwlock_clockwrlock, CLOCK_THREAD_CPUTIME_ID>, false, false},
    {"clockrdlock at a bad time", ByMonotonicAtBadTime<pthread_rwlock_clockrdlock>, true, false},
    {"clockwrlock at a bad time", ByMonotonicAtBadTime<pthread_rwlock_clockwrlock>, false, false},
};

static void PrintUnlock(Rwlock* lock) {
  Print("unlock", [=] { return pthread_rwlock_unlock(lock->get()); });
}

static void CallAndUnlock(const Call& call, Rwlock* lock) {
  if (Print(call.name, [&] { return call.call(lock->get()); }) == 0) PrintUnlock(lock);
}

// What the calling thread itself may hold. As many readers as fit: glibc's count, shifted by three bits, ends there.
static void Alone(const Kind& kind, const Call& call) {
  const std::string name = std::string("prefers ") + kind.name;
  {
    prefix = name + ", free";
    Rwlock lock(kind);
    CallAndUnlock(call, &lock);
    Print("trywrlock afterwards", [&] { return pthread_rwlock_trywrlock(lock.get()); });
  }
  {
    prefix = name + ", written by the caller";
    Rwlock lock(kind);
    Print("wrlock", [&] { return pthread_rwlock_wrlock(lock.get()); });
    CallAndUnlock(call, &lock);
    PrintUnlock(&lock);
  }
  if (call.reads || !call.may_block_for_ever) {
    prefix = name + ", read by the caller";
    Rwlock lock(kind);
    Print("rdlock", [&] { return pthread_rwlock_rdlock(lock.get()); });
    CallAndUnlock(call, &lock);
    PrintUnlock(&lock);
  }
  if (call.reads) {
    prefix = name + ", read too often";
    Rwlock lock(kind);
    lock.get()->__data.__readers = ((1U << 28) - 1) << 3;
    Print(call.name, [&] { return call.call(lock.get()); });
  }
}

// Another thread holds it, reading or writing; a caller that may wait for ever gets it in the end.
static void BesideAnother(const Kind& kind, const Call& call, bool other_reads) {
  prefix = std::string("prefers ") + kind.name + (other_reads ? ", read" : ", written") +
           " by another thread";
  Rwlock lock(kind);
  std::atomic<bool> held = false, leave = false;
  std::thread other([&] {
    other_reads ? pthread_rwlock_rdlock(lock.get()) : pthread_rwlock_wrlock(lock.get());
    held = true;
    while (!leave) Nap(1);
    if (call.may_block_for_ever) Nap(5);
    pthread_rwlock_unlock(lock.get());
  });
  while (!held) Nap(1);
  if (call.may_block_for_ever) leave = true;
  CallAndUnlock(call, &lock);
  leave = true;
  other.join();
}

// One reads, another waits to write: whether a third may read is what the preference says.
static void BesideAWaitingWriter(const Kind& kind, const Call& call) {
  prefix = std::string("prefers ") + kind.name + ", read, and a writer waits";
  Rwlock lock(kind);
  pthread_rwlock_rdlock(lock.get());
  std::thread writer([&] {
    pthread_rwlock_wrlock(lock.get());
    pthread_rwlock_unlock(lock.get());
  });
  while (pthread_rwlock_trywrlock(lock.get()) == 0 || (lock.get()->__data.__readers & 2) == 0) {
    Nap(1);  // glibc's bit of a writer that is first in line
  }
  std::thread third([&] { CallAndUnlock(call, &lock); });
  third.join();
  pthread_rwlock_unlock(lock.get());
  writer.join();
}

static void Shared() {
  prefix = "std::shared_timed_mutex";
  std::shared_timed_mutex mutex;
  Print("lock_shared", [&] { return mutex.lock_shared(), 0; });
  std::thread([&] {
    Print("try_lock", [&] { return mutex.try_lock() ? 0 : EBUSY; });
    Print("try_lock_shared", [&] { return mutex.try_lock_shared() ? 0 : EBUSY; });
    Print("unlock_shared", [&] { return mutex.unlock_shared(), 0; });
    Print("try_lock_for",
          [&] { return mutex.try_lock_for(std::chrono::milliseconds(3)) ? 0 : ETIMEDOUT; });
    Print("try_lock_shared_until", [&] {
      const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(3);
      return mutex.try_lock_shared_until(soon) ? 0 : ETIMEDOUT;
    });
    Print("unlock_shared", [&] { return mutex.unlock_shared(), 0; });
  }).join();
  Print("unlock_shared", [&] { return mutex.unlock_shared(), 0; });
}

int main() {
  for (const char* when : {"one thread", "one thread of two"}) {
    std::printf("-- %s\n", when);
    for (const Kind& kind : kKinds) {
      for (const Call& call : kCalls) Alone(kind, call);
    }
    static pthread_t sleeper;
    const auto sleep = [](void*) -> void* {
      for (;;) pause();
    };
    if (sleeper == 0 && pthread_create(&sleeper, nullptr, sleep, nullptr) != 0) return 2;
  }
  for (const Kind& kind : kKinds) {
    for (const Call& call : kCalls) {
      BesideAnother(kind, call, false);
      BesideAnother(kind, call, true);
      if (!call.may_block_for_ever) BesideAWaitingWriter(kind, call);
    }
  }
  Shared();
  std::printf("end\n");
}

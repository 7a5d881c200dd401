// wait_semantics: spin locks, condition variables, semaphores, barriers, joins and once, of POSIX and of C11, in every
// state, printing what came back. The output must not depend on the agent. (Waits that are cut: wait_endings.cc.)
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/programs/lock_results.h"

static constexpr timespec kBadTimes[] = {{1, -1}, {1, 1'000'000'000}};
static constexpr clockid_t kBadClock = CLOCK_THREAD_CPUTIME_ID;

static void InThread(const std::function<void()>& body) { std::thread(body).join(); }

// ---- spin locks ----

static void Spin(int shared) {
  prefix = shared == PTHREAD_PROCESS_SHARED ? "shared spin lock" : "spin lock";
  pthread_spinlock_t lock;
  Print("init", [&] { return pthread_spin_init(&lock, shared); });
  Print("lock", [&] { return pthread_spin_lock(&lock); });
  Print("trylock of one's own", [&] { return pthread_spin_trylock(&lock); });
  InThread([&] { Print("trylock of another's", [&] { return pthread_spin_trylock(&lock); }); });
  std::thread other([&] {
    Print("lock of another's", [&] { return pthread_spin_lock(&lock); });
    Print("unlock", [&] { return pthread_spin_unlock(&lock); });
  });
  Nap(5);
  pthread_spin_unlock(&lock);
  other.join();
  Print("trylock", [&] { return pthread_spin_trylock(&lock); });
  Print("unlock", [&] { return pthread_spin_unlock(&lock); });
  Print("destroy", [&] { return pthread_spin_destroy(&lock); });
}

// ---- condition variables ----

struct Kind {
  const char* name;
  int type;
  int protocol;
  bool robust;
  bool shared;
};
static constexpr Kind kKinds[] = {
    {"normal", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, false, false},
    {"recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, false, false},
    {"errorcheck", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, false, false},
    {"adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, false, false},
    {"shared", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, false, true},
    {"robust", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, true, false},
    {"PI", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, false, false},
    {"robust PI", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, true, false},
    {"PP", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_PROTECT, false, false},
};

class Monitor {
 public:
  explicit Monitor(const Kind& kind, clockid_t clock = CLOCK_REALTIME) {
    pthread_mutexattr_t of_mutex;
    pthread_mutexattr_init(&of_mutex);
    pthread_mutexattr_settype(&of_mutex, kind.type);
    pthread_mutexattr_setprotocol(&of_mutex, kind.protocol);
    if (kind.robust) pthread_mutexattr_setrobust(&of_mutex, PTHREAD_MUTEX_ROBUST);
    if (kind.shared) pthread_mutexattr_setpshared(&of_mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&mutex, &of_mutex);
    pthread_condattr_t of_condition;
    pthread_condattr_init(&of_condition);
    pthread_condattr_setclock(&of_condition, clock);
    if (kind.shared) pthread_condattr_setpshared(&of_condition, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&condition, &of_condition);
  }
  ~Monitor() {
    pthread_cond_destroy(&condition);
    pthread_mutex_destroy(&mutex);
  }
  int Lock() { return pthread_mutex_lock(&mutex); }
  void Unlock() {
    Print("unlock", [&] { return pthread_mutex_unlock(&mutex); });
  }
  int Wait() { return pthread_cond_wait(&condition, &mutex); }
  int WaitUntil(const timespec& until) {
    return pthread_cond_timedwait(&condition, &mutex, &until);
  }
  int WaitUntil(clockid_t clock, const timespec& until) {
    return pthread_cond_clockwait(&condition, &mutex, clock, &until);
  }

  pthread_mutex_t mutex;
  pthread_cond_t condition;
};

// Another thread finds the mutex held, as it must be after every way out of a wait.
static void ExpectHeld(Monitor* monitor) {
  InThread([=] {
    Print("trylock of another thread", [=] { return pthread_mutex_trylock(&monitor->mutex); });
  });
}

// What is not said to be refused at once may wake early, as far as POSIX goes; libc does not here.
static void ConditionAlone(const Kind& kind) {
  Monitor monitor(kind);
  if (Print("lock", [&] { return monitor.Lock(); }) != 0) return;
  const auto call = [&](const char* name, const std::function<int()>& wait) {
    Print(name, wait);
    ExpectHeld(&monitor);
  };
  Print("signal to nobody", [&] { return pthread_cond_signal(&monitor.condition); });
  Print("broadcast to nobody", [&] { return pthread_cond_broadcast(&monitor.condition); });
  for (const long ms : {-5, 3}) {
    call("timedwait", [&] { return monitor.WaitUntil(After(CLOCK_REALTIME, ms)); });
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, kBadClock}) {
      call("clockwait", [&] { return monitor.WaitUntil(clock, After(clock, ms)); });
    }
  }
  for (const timespec& bad : kBadTimes) {
    call("timedwait at a bad time", [&] { return monitor.WaitUntil(bad); });
    call("clockwait at a bad time", [&] { return monitor.WaitUntil(CLOCK_MONOTONIC, bad); });
  }
  monitor.Unlock();
  Monitor by_monotonic(kind, CLOCK_MONOTONIC);
  by_monotonic.Lock();
  Print("timedwait by the monotonic clock",
        [&] { return by_monotonic.WaitUntil(After(CLOCK_MONOTONIC, 3)); });
  by_monotonic.Unlock();
  if (kind.type != PTHREAD_MUTEX_ERRORCHECK && kind.type != PTHREAD_MUTEX_RECURSIVE) return;
  Print("wait without the mutex", [&] { return monitor.Wait(); });
  Print("timedwait without the mutex", [&] { return monitor.WaitUntil(After(CLOCK_REALTIME, 3)); });
}

// Waiters are woken one by one, and all at once.
static void ConditionWoken(const Kind& kind) {
  if (kind.protocol == PTHREAD_PRIO_PROTECT) return;  // what its lock returns is left to chance
  for (int (*const wake)(pthread_cond_t*) : {pthread_cond_signal, pthread_cond_broadcast}) {
    Monitor monitor(kind);
    if (monitor.Lock() != 0) return;
    int waiting = 0, woken = 0;
    std::atomic<int> failed = 0;
    std::vector<std::thread> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.emplace_back([&] {
        monitor.Lock();
        ++waiting;
        while (woken == 0) failed += monitor.Wait() != 0;
        --woken;
        failed += pthread_mutex_unlock(&monitor.mutex) != 0;
      });
    }
    while (waiting < 3) {
      pthread_mutex_unlock(&monitor.mutex);
      Nap(1);
      monitor.Lock();
    }
    for (int i = 0; i < 3; ++i) {
      ++woken;
      failed += wake(&monitor.condition) != 0;
      while (woken != 0) {
        pthread_mutex_unlock(&monitor.mutex);
        Nap(1);
        monitor.Lock();
      }
    }
    monitor.Unlock();
    for (std::thread& waiter : waiters) waiter.join();
    Print("of three waiters and wakes failed", [&] { return failed.load(); });
  }
}

// An inner level stays held inside the wait.
static void ConditionNested() {
  prefix = "condition, recursive mutex held twice";
  Monitor monitor(kKinds[1]);
  monitor.Lock();
  monitor.Lock();
  std::atomic<bool> waits = false;
  std::thread other([&] {
    while (!waits) Nap(1);
    Nap(2);
    Print("trylock of another thread", [&] { return pthread_mutex_trylock(&monitor.mutex); });
  });
  waits = true;
  const int result = monitor.WaitUntil(After(CLOCK_REALTIME, 20));
  other.join();
  Print("timedwait", [&] { return result; });
  for (int i = 0; i < 3; ++i) monitor.Unlock();
}

// Whoever had the mutex meanwhile dies with it; somebody else may have made that final.
static void ConditionOwnerDied(const Kind& kind, bool is_final) {
  prefix = std::string("condition, ") + kind.name + (is_final ? ", lost" : ", owner died");
  Monitor monitor(kind);
  monitor.Lock();
  std::atomic<bool> died = false;
  std::thread killer([&] {
    InThread([&] {
      monitor.Lock();  // once the other waits
      if (!is_final) pthread_cond_signal(&monitor.condition);
    });
    if (is_final) {
      Print("lock", [&] { return monitor.Lock(); });
      monitor.Unlock();
      pthread_cond_signal(&monitor.condition);
    }
    died = true;
  });
  const int result = monitor.Wait();
  killer.join();
  Print("wait", [&] { return result; });
  Print("consistent", [&] { return pthread_mutex_consistent(&monitor.mutex); });
  monitor.Unlock();
  Print("lock", [&] { return monitor.Lock(); });
}

static void Conditions() {
  for (const Kind& kind : kKinds) {
    prefix = std::string("condition, ") + kind.name;
    ConditionAlone(kind);
    ConditionWoken(kind);
  }
  ConditionNested();
  for (const bool is_final : {false, true}) {
    ConditionOwnerDied(kKinds[5], is_final);
    ConditionOwnerDied(kKinds[7], is_final);
  }
}

// ---- C11 ----

static int Print11(const char* what, const std::function<int()>& call) {
  static constexpr const char* kNames[] = {"success", "busy", "error", "no memory", "timed out"};
  static_assert(thrd_success == 0 && thrd_busy == 1 && thrd_error == 2 && thrd_timedout == 4);
  errno = kUntouched;
  const int result = call();
  const bool untouched = errno == kUntouched;
  std::printf("%s, %s: %s%s\n", prefix.c_str(), what, kNames[result],
              untouched ? "" : ", errno changed");
  return result;
}

static void MtxCalls(mtx_t* mutex, bool may_block_for_ever) {
  const auto call = [=](const char* name, const std::function<int()>& take) {
    if (Print11(name, take) == thrd_success) Print11("unlock", [=] { return mtx_unlock(mutex); });
  };
  if (may_block_for_ever) call("lock", [=] { return mtx_lock(mutex); });
  call("trylock", [=] { return mtx_trylock(mutex); });
  for (const long ms : {-5, 3}) {
    call("timedlock", [=] {
      const timespec until = After(CLOCK_REALTIME, ms);
      return mtx_timedlock(mutex, &until);
    });
  }
  for (const timespec& bad : kBadTimes) {
    call("timedlock at a bad time", [&] { return mtx_timedlock(mutex, &bad); });
  }
}

static void Mtx(const char* name, int type) {
  prefix = std::string("C11 mutex, ") + name;
  mtx_t mutex;
  for (int again = 0; again < 2; ++again) {
    Print11("init", [&] { return mtx_init(&mutex, type); });
    MtxCalls(&mutex, true);
    Print11("lock", [&] { return mtx_lock(&mutex); });
    MtxCalls(&mutex, (type & mtx_recursive) != 0);
    InThread([&] { MtxCalls(&mutex, false); });
    std::thread waiter([&] { Print11("lock of another's", [&] { return mtx_lock(&mutex); }); });
    Nap(5);
    mtx_unlock(&mutex);
    waiter.join();
    mtx_destroy(&mutex);
  }
}

static void Cnd() {
  prefix = "C11 condition";
  mtx_t mutex;
  cnd_t condition;
  mtx_init(&mutex, mtx_timed);
  Print11("init", [&] { return cnd_init(&condition); });
  mtx_lock(&mutex);
  Print11("signal to nobody", [&] { return cnd_signal(&condition); });
  Print11("broadcast to nobody", [&] { return cnd_broadcast(&condition); });
  for (const long ms : {-5, 3}) {
    Print11("timedwait", [&] {
      const timespec until = After(CLOCK_REALTIME, ms);
      return cnd_timedwait(&condition, &mutex, &until);
    });
  }
  Print11("timedwait at a bad time",
          [&] { return cnd_timedwait(&condition, &mutex, &kBadTimes[0]); });
  for (int (*const wake)(cnd_t*) : {cnd_signal, cnd_broadcast}) {
    bool ready = false;
    std::thread waker([&] {
      mtx_lock(&mutex);
      ready = true;
      Print11("wake", [&] { return wake(&condition); });
      mtx_unlock(&mutex);
    });
    int result = thrd_error;
    while (!ready) result = cnd_wait(&condition, &mutex);
    waker.join();
    Print11("wait", [&] { return result; });
  }
  Print11("unlock", [&] { return mtx_unlock(&mutex); });
  cnd_destroy(&condition);
}

static void Thrd() {
  prefix = "C11 thread";
  for (const int value : {0, 7, -1}) {
    thrd_t thread;
    thrd_create(
        &thread, [](void* p) { return static_cast<int>(reinterpret_cast<intptr_t>(p)); },
        reinterpret_cast<void*>(intptr_t{value}));
    int result = 99;
    Print11("join", [&] { return thrd_join(thread, &result); });
    std::printf("%s: %d\n", prefix.c_str(), result);
  }
  Print11("join of oneself", [] { return thrd_join(thrd_current(), nullptr); });
}

// ---- semaphores ----

static void PrintErrno(const char* what, const std::function<int()>& call) {
  errno = kUntouched;
  const int result = call();
  const int after = errno;
  std::printf("%s, %s: %d, errno %s\n", prefix.c_str(), what, result,
              after == kUntouched ? "untouched" : strerrorname_np(after));
}

static void Semaphore(int shared, unsigned value) {
  prefix = "semaphore of " + std::to_string(value) + (shared != 0 ? ", shared" : "");
  sem_t semaphore;
  const auto call = [&](const char* name, const std::function<int()>& wait) {
    if (sem_init(&semaphore, shared, value) != 0) return;
    PrintErrno(name, wait);
    int left = -1;
    sem_getvalue(&semaphore, &left);
    std::printf("%d left\n", left);
    sem_destroy(&semaphore);
  };
  if (value != 0) call("wait", [&] { return sem_wait(&semaphore); });
  call("trywait", [&] { return sem_trywait(&semaphore); });
  call("post", [&] { return sem_post(&semaphore); });
  for (const long ms : {-5, 3}) {
    call("timedwait", [&] {
      const timespec until = After(CLOCK_REALTIME, ms);
      return sem_timedwait(&semaphore, &until);
    });
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, kBadClock}) {
      call("clockwait", [&] {
        const timespec until = After(clock, ms);
        return sem_clockwait(&semaphore, clock, &until);
      });
    }
  }
  for (const timespec& bad : kBadTimes) {
    call("timedwait at a bad time", [&] { return sem_timedwait(&semaphore, &bad); });
    call("clockwait at a bad time",
         [&] { return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &bad); });
  }
  if (value != 0) return;
  sem_init(&semaphore, shared, 0);
  std::thread waiter([&] { PrintErrno("wait", [&] { return sem_wait(&semaphore); }); });
  Nap(5);
  sem_post(&semaphore);
  waiter.join();
}

// ---- barriers ----

static void Barrier(unsigned count, int shared) {
  prefix = "barrier of " + std::to_string(count);
  pthread_barrierattr_t attributes;
  pthread_barrierattr_init(&attributes);
  pthread_barrierattr_setpshared(&attributes, shared);
  for (int again = 0; again < 2; ++again) {
    pthread_barrier_t barrier;
    Print("init", [&] { return pthread_barrier_init(&barrier, &attributes, count); });
    std::atomic<int> serial = 0, others = 0, failed = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 20; ++round) {
          errno = kUntouched;
          const int result = pthread_barrier_wait(&barrier);
          (result == PTHREAD_BARRIER_SERIAL_THREAD ? serial : result == 0 ? others : failed) += 1;
          failed += errno != kUntouched;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("%d serial, %d others, %d failed\n", serial.load(), others.load(), failed.load());
    Print("destroy", [&] { return pthread_barrier_destroy(&barrier); });
  }
}

// ---- joins ----

static std::atomic<bool> may_end;
static void* EndLater(void* result) {
  while (!may_end) Nap(1);
  return result;
}

static pthread_t Start(void* result) {
  pthread_t thread;
  may_end = false;
  if (pthread_create(&thread, nullptr, EndLater, result) != 0) std::abort();
  return thread;
}

static void Joins() {
  prefix = "join";
  Print("of oneself", [] { return pthread_join(pthread_self(), nullptr); });
  const auto timed = [](pthread_t thread, void** result, long ms) {
    const timespec until = After(CLOCK_REALTIME, ms);
    return pthread_timedjoin_np(thread, result, &until);
  };
  const auto clocked = [](pthread_t thread, void** result, clockid_t clock, long ms) {
    const timespec until = After(clock, ms);
    return pthread_clockjoin_np(thread, result, clock, &until);
  };
  void* result = nullptr;
  pthread_t thread = Start(&result);
  Print("try", [&] { return pthread_tryjoin_np(thread, &result); });
  for (const long ms : {-5, 3}) {
    Print("timed", [&] { return timed(thread, &result, ms); });
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, kBadClock}) {
      Print("clocked", [&] { return clocked(thread, &result, clock, ms); });
    }
  }
  may_end = true;
  Print("in the end", [&] { return pthread_join(thread, &result); });
  std::printf("%s\n", result == &result ? "its result" : "another result");
  const std::function<int(pthread_t)> kAll[] = {
      [&](pthread_t t) { return pthread_join(t, nullptr); },
      [&](pthread_t t) { return pthread_timedjoin_np(t, &result, nullptr); },
      [&](pthread_t t) { return timed(t, &result, 1000); },
      [&](pthread_t t) { return clocked(t, &result, CLOCK_MONOTONIC, 1000); }};
  for (const auto& join : kAll) {
    thread = Start(nullptr);
    may_end = true;
    Print("at last", [&] { return join(thread); });
    thread = Start(nullptr);
    may_end = true;
    Nap(3);
    Print("of an ended one", [&] { return join(thread); });
  }
  thread = Start(nullptr);
  pthread_detach(thread);
  Print("of a detached one", [&] { return pthread_join(thread, nullptr); });
  may_end = true;
}

// ---- once ----

static std::atomic<int> calls, throws_left;
static std::atomic<bool> in_routine;
static void Routine() {
  in_routine = true;
  Nap(5);
  calls += 1;
  if (throws_left.fetch_sub(1) > 0) throw std::runtime_error("thrown");
}

// Several threads call it at once, of which some throw: each time another one begins anew.
template <typename CallOnce>
static void Once(const char* name, int throws, CallOnce call_once) {
  calls = 0;
  throws_left = throws;
  in_routine = false;
  std::atomic<int> caught = 0;
  const auto call = [&] {
    try {
      call_once();
    } catch (const std::runtime_error&) {
      caught += 1;
    }
  };
  std::thread first(call);
  while (!in_routine) Nap(1);
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) others.emplace_back(call);
  first.join();
  for (std::thread& other : others) other.join();
  call();
  std::printf("%s, %d throw: called %d times, caught %d\n", name, throws, calls.load(),
              caught.load());
}

static void Onces() {
  for (const int throws : {0, 1, 2}) {
    pthread_once_t control = PTHREAD_ONCE_INIT;
    Once("pthread_once", throws, [&] { return pthread_once(&control, Routine); });
    pthread_once_t old_control = PTHREAD_ONCE_INIT;
    const auto old = reinterpret_cast<int (*)(pthread_once_t*, void (*)())>(
        dlvsym(RTLD_DEFAULT, "__pthread_once", "GLIBC_2.2.5"));
    Once("__pthread_once", throws, [&] { return old(&old_control, Routine); });
    ::once_flag flag = ONCE_FLAG_INIT;
    Once("call_once", throws, [&] { ::call_once(&flag, Routine); });
    std::once_flag of_std;
    Once("std::call_once", throws, [&] { std::call_once(of_std, Routine); });
  }
  prefix = "pthread_once";
  pthread_once_t control = PTHREAD_ONCE_INIT;
  Print("first", [&] { return pthread_once(&control, Routine); });
  Print("again", [&] { return pthread_once(&control, Routine); });
}

int main() {
  for (const int shared : {PTHREAD_PROCESS_PRIVATE, PTHREAD_PROCESS_SHARED}) Spin(shared);
  Conditions();
  Mtx("plain", mtx_plain);
  Mtx("timed", mtx_timed);
  Mtx("recursive", mtx_recursive);
  Mtx("recursive, timed", mtx_recursive | mtx_timed);
  Cnd();
  Thrd();
  for (const int shared : {0, 1}) {
    for (const unsigned value : {0U, 1U, static_cast<unsigned>(SEM_VALUE_MAX)}) {
      Semaphore(shared, value);
    }
  }
  for (const unsigned count : {1U, 3U}) {
    Barrier(count, PTHREAD_PROCESS_PRIVATE);
    Barrier(count, PTHREAD_PROCESS_SHARED);
  }
  Joins();
  Onces();
  std::printf("end\n");
}

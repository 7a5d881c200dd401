// wait_endings: waits that end in other ways than by returning 0: by cancellation, by signals, by a handler's longjmp.
// Prints what came back, and what was held. The output must not depend on the agent.
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>

#include "tests/e2e/programs/lock_results.h"

static pthread_mutex_t mutex;  // checks its owner
static mtx_t c11_mutex;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static cnd_t c11_condition;
static sem_t semaphore;
static pthread_t sleeper;
static std::atomic<bool> begun;

static timespec MuchLater(clockid_t clock) { return After(clock, 3'600'000); }

static void Unlock(void*) {
  Print("unlock while being cancelled", [] { return pthread_mutex_unlock(&mutex); });
}
static void UnlockC11(void*) {
  Print("unlock while being cancelled", [] { return mtx_unlock(&c11_mutex); });
}

static void WithMutex(const std::function<void()>& wait) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(Unlock, nullptr);
  begun = true;
  for (;;) wait();
  pthread_cleanup_pop(0);
}
static void WithC11Mutex(const std::function<void()>& wait) {
  mtx_lock(&c11_mutex);
  pthread_cleanup_push(UnlockC11, nullptr);
  begun = true;
  for (;;) wait();
  pthread_cleanup_pop(0);
}
static void Repeat(const std::function<void()>& wait) {
  begun = true;
  for (;;) wait();
}

struct Point {
  const char* name;
  void (*run)();
};
static const Point kPoints[] = {
    {"pthread_cond_wait", [] { WithMutex([] { pthread_cond_wait(&condition, &mutex); }); }},
    {"pthread_cond_timedwait",
     [] {
       WithMutex([] {
         const timespec until = MuchLater(CLOCK_REALTIME);
         pthread_cond_timedwait(&condition, &mutex, &until);
       });
     }},
    {"pthread_cond_clockwait",
     [] {
       WithMutex([] {
         const timespec until = MuchLater(CLOCK_MONOTONIC);
         pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &until);
       });
     }},
    {"cnd_wait", [] { WithC11Mutex([] { cnd_wait(&c11_condition, &c11_mutex); }); }},
    {"cnd_timedwait",
     [] {
       WithC11Mutex([] {
         const timespec until = MuchLater(CLOCK_REALTIME);
         cnd_timedwait(&c11_condition, &c11_mutex, &until);
       });
     }},
    {"sem_wait", [] { Repeat([] { sem_wait(&semaphore); }); }},
    {"sem_timedwait",
     [] {
       Repeat([] {
         const timespec until = MuchLater(CLOCK_REALTIME);
         sem_timedwait(&semaphore, &until);
       });
     }},
    {"sem_clockwait",
     [] {
       Repeat([] {
         const timespec until = MuchLater(CLOCK_MONOTONIC);
         sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until);
       });
     }},
    {"pthread_join", [] { Repeat([] { pthread_join(sleeper, nullptr); }); }},
    {"pthread_timedjoin_np",
     [] {
       Repeat([] {
         const timespec until = MuchLater(CLOCK_REALTIME);
         pthread_timedjoin_np(sleeper, nullptr, &until);
       });
     }},
    {"pthread_clockjoin_np",
     [] {
       Repeat([] {
         const timespec until = MuchLater(CLOCK_MONOTONIC);
         pthread_clockjoin_np(sleeper, nullptr, CLOCK_MONOTONIC, &until);
       });
     }},
    {"thrd_join", [] { Repeat([] { thrd_join(sleeper, nullptr); }); }},
};

// Its destructor runs, as every frame's does.
struct Local {
  ~Local() { std::printf("%s, destroyed\n", prefix.c_str()); }
};

static void* RunPoint(void* point) {
  const Local local;
  static_cast<const Point*>(point)->run();
  return nullptr;
}

static void Cancel(const Point& point, bool asleep) {
  prefix = std::string(point.name) + (asleep ? ", asleep" : ", at once");
  begun = false;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, RunPoint, const_cast<Point*>(&point)) != 0) std::abort();
  while (asleep && !begun) Nap(1);
  if (asleep) Nap(5);
  pthread_cancel(thread);
  void* result = nullptr;
  pthread_join(thread, &result);
  std::printf("%s: %s\n", prefix.c_str(), result == PTHREAD_CANCELED ? "cancelled" : "not");
}

// A thread that is to be cancelled asks for a semaphore that it could have.
static void CancelBefore(const char* name, int (*wait)()) {
  prefix = name;
  sem_post(&semaphore);
  const auto ask = [](void* function) -> void* {
    pthread_cancel(pthread_self());
    const int result = reinterpret_cast<int (*)()>(function)();
    std::printf("%s: %d\n", prefix.c_str(), result);
    return nullptr;
  };
  pthread_t thread;
  if (pthread_create(&thread, nullptr, ask, reinterpret_cast<void*>(wait)) != 0) std::abort();
  void* result = nullptr;
  pthread_join(thread, &result);
  int value = -1;
  sem_getvalue(&semaphore, &value);
  std::printf("%s: %s, %d left\n", name, result == PTHREAD_CANCELED ? "cancelled" : "not", value);
  while (sem_trywait(&semaphore) == 0) {
  }
}

// ---- signals ----

static std::atomic<int> handled;
static volatile sig_atomic_t posts, jumps;
static thread_local sigjmp_buf target;

static void Handle(int) {
  handled += 1;
  if (posts != 0) sem_post(&semaphore);
  if (jumps != 0) siglongjmp(target, 1);
}

static void InterruptedBy(int flags, bool post) {
  struct sigaction action = {};
  action.sa_handler = Handle;
  action.sa_flags = flags;
  sigaction(SIGUSR1, &action, nullptr);
  posts = post;
  for (const bool timed : {false, true}) {
    prefix = std::string(timed ? "sem_timedwait" : "sem_wait") + (flags != 0 ? ", restarted" : "") +
             (post ? ", posted by the handler" : "");
    handled = 0;
    begun = false;
    const auto wait = [](void* is_timed) -> void* {
      const timespec until = MuchLater(CLOCK_REALTIME);
      begun = true;
      errno = kUntouched;
      const int result =
          is_timed != nullptr ? sem_timedwait(&semaphore, &until) : sem_wait(&semaphore);
      const int after = errno;
      std::printf("%s: %d, errno %s\n", prefix.c_str(), result,
                  after == kUntouched ? "untouched" : strerrorname_np(after));
      return nullptr;
    };
    pthread_t thread;
    if (pthread_create(&thread, nullptr, wait, timed ? &begun : nullptr) != 0) std::abort();
    while (!begun) Nap(1);
    Nap(5);
    pthread_kill(thread, SIGUSR1);
    while (handled == 0) Nap(1);
    Nap(5);
    if (flags != 0 && !post) sem_post(&semaphore);
    pthread_join(thread, nullptr);
    while (sem_trywait(&semaphore) == 0) {
    }
  }
  posts = 0;
}

__attribute__((noinline)) static void OverwriteStack() {
  volatile unsigned char bytes[8192];
  for (volatile unsigned char& byte : bytes) byte = 0x41;
}

// Out of a wait, and then out of the thread: nothing may point to the wait's frames any more.
static void* JumpOut(void* by_cancellation) {
  jumps = 1;
  if (sigsetjmp(target, 1) == 0) {
    begun = true;
    sem_wait(&semaphore);
  }
  jumps = 0;
  OverwriteStack();
  std::printf("left\n");
  if (by_cancellation == nullptr) pthread_exit(&begun);
  pthread_cancel(pthread_self());
  pthread_testcancel();
  return nullptr;
}

static void LeftByAHandler() {
  for (void* by_cancellation : {static_cast<void*>(nullptr), static_cast<void*>(&begun)}) {
    begun = false;
    pthread_t thread;
    if (pthread_create(&thread, nullptr, JumpOut, by_cancellation) != 0) std::abort();
    while (!begun) Nap(1);
    Nap(5);
    pthread_kill(thread, SIGUSR1);
    void* result = nullptr;
    pthread_join(thread, &result);
    std::printf("%s\n", result == &begun             ? "exited"
                        : result == PTHREAD_CANCELED ? "cancelled"
                                                     : "?");
  }
}

// Its routine is cancelled while another thread waits for it, which then runs it instead.
static void CancelledOnce() {
  static pthread_once_t control = PTHREAD_ONCE_INIT;
  static std::atomic<int> calls = 0;
  const auto call = [](void*) -> void* {
    const auto routine = [] {
      if (calls.fetch_add(1) != 0) return;
      for (;;) Nap(1);
    };
    return reinterpret_cast<void*>(intptr_t{pthread_once(&control, routine)});
  };
  pthread_t first, second;
  if (pthread_create(&first, nullptr, call, nullptr) != 0) std::abort();
  while (calls == 0) Nap(1);
  if (pthread_create(&second, nullptr, call, nullptr) != 0) std::abort();
  Nap(5);
  pthread_cancel(first);
  void* results[2];
  pthread_join(first, &results[0]);
  pthread_join(second, &results[1]);
  std::printf("once: %s, %s, called %d times\n",
              results[0] == PTHREAD_CANCELED ? "cancelled" : "not",
              results[1] == nullptr ? "0" : "not 0", calls.load());
}

int main() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&mutex, &attributes);
  mtx_init(&c11_mutex, mtx_plain);
  cnd_init(&c11_condition);
  sem_init(&semaphore, 0, 0);
  const auto sleep = [](void*) -> void* {
    for (;;) pause();
  };
  if (pthread_create(&sleeper, nullptr, sleep, nullptr) != 0) std::abort();
  for (const Point& point : kPoints) {
    Cancel(point, true);
    Cancel(point, false);
    prefix = "afterwards";
    Print("trylock", [] { return pthread_mutex_trylock(&mutex); });
    Print("unlock", [] { return pthread_mutex_unlock(&mutex); });
    Print("signal", [] { return pthread_cond_signal(&condition); });
    Print("post", [] { return sem_post(&semaphore); });
    Print("wait", [] { return sem_wait(&semaphore); });
  }
  CancelBefore("sem_wait", [] { return sem_wait(&semaphore); });
  CancelBefore("sem_timedwait", [] {
    const timespec until = MuchLater(CLOCK_REALTIME);
    return sem_timedwait(&semaphore, &until);
  });
  CancelBefore("sem_clockwait", [] {
    const timespec until = MuchLater(CLOCK_MONOTONIC);
    return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until);
  });
  for (const int flags : {0, SA_RESTART}) {
    for (const bool post : {false, true}) InterruptedBy(flags, post);
  }
  LeftByAHandler();
  CancelledOnce();
  std::printf("end\n");
}

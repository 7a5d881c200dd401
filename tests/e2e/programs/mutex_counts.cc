// mutex_counts CASE: calls that other lock profilers miscounted. Prints what each kind of call returned, and as the truth
// how often a lock was waited for and how often one was taken.
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

static constexpr int kRounds = 100;
static constexpr timespec kPast = {1, 0};

static long contended, acquisitions;

static void Require(bool holds) {
  if (!holds) std::abort();
}

static bool Taken(int result) {
  const bool taken = result == 0 || result == EOWNERDEAD;
  acquisitions += taken ? 1 : 0;
  return taken;
}

static void InThread(void* (*body)(void*), void* argument) {
  pthread_t thread;
  Require(pthread_create(&thread, nullptr, body, argument) == 0);
  pthread_join(thread, nullptr);
}

struct Kind {
  const char* name;
  int type;
  int robust;
  int protocol;
  int shared;
};
static constexpr Kind kKinds[] = {
    {"normal", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_NONE, 0},
    {"recursive", PTHREAD_MUTEX_RECURSIVE, 0, PTHREAD_PRIO_NONE, 0},
    {"errorcheck", PTHREAD_MUTEX_ERRORCHECK, 0, PTHREAD_PRIO_NONE, 0},
    {"adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, 0, PTHREAD_PRIO_NONE, 0},
    {"shared", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_NONE, 1},
    {"robust", PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PRIO_NONE, 0},
    {"inherit", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_INHERIT, 0},
    {"protect", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_PROTECT, 0},
};

static void Init(pthread_mutex_t* mutex, const Kind& kind) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, kind.type);
  pthread_mutexattr_setprotocol(&attributes, kind.protocol);
  if (kind.robust != 0) pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (kind.protocol == PTHREAD_PRIO_PROTECT) pthread_mutexattr_setprioceiling(&attributes, 1);
  if (kind.shared != 0) pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  Require(pthread_mutex_init(mutex, &attributes) == 0);
  pthread_mutexattr_destroy(&attributes);
}

// While its owner keeps a mutex, this thread asks for it: a timedlock whose deadline has passed is a wait that ends at once.
static void* WaitInVain(void* mutex) {
  for (int i = 0; i < kRounds; ++i) {
    Require(pthread_mutex_timedlock(static_cast<pthread_mutex_t*>(mutex), &kPast) == ETIMEDOUT);
    ++contended;
  }
  return nullptr;
}

static void* TryInVain(void* mutex) {
  for (int i = 0; i < kRounds; ++i) {
    Require(pthread_mutex_trylock(static_cast<pthread_mutex_t*>(mutex)) == EBUSY);
  }
  return nullptr;
}

static void KeepWhile(void* (*body)(void*)) {
  for (const Kind& kind : kKinds) {
    pthread_mutex_t mutex;
    Init(&mutex, kind);
    const int result = pthread_mutex_lock(&mutex);  // priority ceilings may need a privilege
    std::printf("%s: %s\n", kind.name, std::strerror(result));
    if (!Taken(result)) continue;
    InThread(body, &mutex);
    pthread_mutex_unlock(&mutex);
  }
}

static void TimedOut() { KeepWhile(WaitInVain); }
static void RefusedTry() { KeepWhile(TryInVain); }

// Its owner asks again.
static void SelfRelock() {
  pthread_mutex_t mutex;
  Init(&mutex, kKinds[2]);
  for (int i = 0; i < kRounds; ++i) {
    Taken(pthread_mutex_lock(&mutex));
    Require(!Taken(pthread_mutex_lock(&mutex)));
    Require(!Taken(pthread_mutex_timedlock(&mutex, &kPast)));
    pthread_mutex_unlock(&mutex);
  }
}

static void Nested() {
  pthread_mutex_t mutex;
  Init(&mutex, kKinds[1]);
  for (int i = 0; i < kRounds; ++i) {
    for (int level = 0; level < 3; ++level) Require(Taken(pthread_mutex_lock(&mutex)));
    for (int level = 0; level < 3; ++level) pthread_mutex_unlock(&mutex);
  }
}

static void* LockAndDie(void* mutex) {
  Require(Taken(pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex))));
  return nullptr;
}

static void OwnerDied() {
  for (int i = 0; i < kRounds; ++i) {
    pthread_mutex_t mutex;
    Init(&mutex, kKinds[5]);
    InThread(LockAndDie, &mutex);
    Require(i % 2 == 0 ? Taken(pthread_mutex_lock(&mutex)) : Taken(pthread_mutex_trylock(&mutex)));
    pthread_mutex_consistent(&mutex);
    pthread_mutex_unlock(&mutex);
  }
}

// libc takes the mutex again inside a condition wait as if others waited for it. Here nobody does: the signaller comes
// when the waiter is in its wait, and not again before the next one.
static pthread_mutex_t handed = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static std::atomic<int> entered;
static int signalled;

static void* WaitForSignals(void*) {
  for (int i = 1; i <= kRounds; ++i) {
    pthread_mutex_lock(&handed);
    entered = i;
    while (signalled < i) pthread_cond_wait(&ready, &handed);
    pthread_mutex_unlock(&handed);
  }
  return nullptr;
}

static void AfterConditionWait() {
  pthread_t waiter;
  Require(pthread_create(&waiter, nullptr, WaitForSignals, nullptr) == 0);
  for (int i = 1; i <= kRounds; ++i) {
    while (entered < i || pthread_mutex_trylock(&handed) != 0) sched_yield();
    signalled = i;
    pthread_cond_signal(&ready);
    pthread_mutex_unlock(&handed);
  }
  pthread_join(waiter, nullptr);
  acquisitions += 2 * kRounds;
}

static void* Sleep(void*) {
  for (;;) pause();
}

int main(int argc, char** argv) {
  constexpr struct {
    const char* name;
    void (*run)();
  } kCases[] = {
      {"timed_out", TimedOut},     {"refused_try", RefusedTry},
      {"self_relock", SelfRelock}, {"nested", Nested},
      {"owner_died", OwnerDied},   {"after_condition_wait", AfterConditionWait},
  };
  pthread_t sleeper;  // so that the program never has one thread alone
  Require(pthread_create(&sleeper, nullptr, Sleep, nullptr) == 0);
  for (const auto& [name, run] : kCases) {
    if (argc == 2 && std::strcmp(argv[1], name) == 0) run();
  }
  std::printf("truth contended=%ld acquisitions=%ld\n", contended, acquisitions);
}

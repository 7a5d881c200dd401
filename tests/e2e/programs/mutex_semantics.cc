// mutex_semantics: every kind of mutex, in every state, through every function, printing what came
// back. The output must not depend on the agent.
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "tests/e2e/programs/lock_results.h"

struct Kind {
  int type;
  const char* name;
};
static constexpr Kind kKinds[] = {
    {PTHREAD_MUTEX_NORMAL, "normal"},
    {PTHREAD_MUTEX_RECURSIVE, "recursive"},
    {PTHREAD_MUTEX_ERRORCHECK, "errorcheck"},
    {PTHREAD_MUTEX_ADAPTIVE_NP, "adaptive"},
};
struct Variant {
  bool robust;
  int protocol;
  bool shared;
  const char* name;
};
static constexpr Variant kVariants[] = {
    {false, PTHREAD_PRIO_NONE, false, "plain"}, {false, PTHREAD_PRIO_NONE, true, "shared"},
    {true, PTHREAD_PRIO_NONE, false, "robust"}, {true, PTHREAD_PRIO_NONE, true, "robust shared"},
    {false, PTHREAD_PRIO_INHERIT, false, "PI"}, {true, PTHREAD_PRIO_INHERIT, false, "robust PI"},
    {false, PTHREAD_PRIO_PROTECT, false, "PP"},
};

class Mutex {
 public:
  Mutex(const Kind& kind, const Variant& variant) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, kind.type);
    pthread_mutexattr_setprotocol(&attributes, variant.protocol);
    if (variant.robust) pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    if (variant.shared) pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    Print("init", [&] { return pthread_mutex_init(&mutex_, &attributes); });
    pthread_mutexattr_destroy(&attributes);
  }
  ~Mutex() { pthread_mutex_destroy(&mutex_); }

  int Lock() { return pthread_mutex_lock(&mutex_); }
  int Trylock() { return pthread_mutex_trylock(&mutex_); }
  int Timedlock(long ms) {
    const timespec deadline = After(CLOCK_REALTIME, ms);
    return pthread_mutex_timedlock(&mutex_, &deadline);
  }
  int Clocklock(clockid_t clock, long ms) {
    const timespec deadline = After(clock, ms);
    return pthread_mutex_clocklock(&mutex_, clock, &deadline);
  }
  int InvalidTimedlock() {
    const timespec deadline = {0, -1};
    return pthread_mutex_timedlock(&mutex_, &deadline);
  }
  int Unlock() { return pthread_mutex_unlock(&mutex_); }
  pthread_mutex_t* get() { return &mutex_; }

 private:
  pthread_mutex_t mutex_;
};

using Call = std::function<int(Mutex&)>;
struct NamedCall {
  const char* name;
  Call call;
  bool may_block_for_ever;
};
static const NamedCall kLockCalls[] = {
    {"lock", [](Mutex& m) { return m.Lock(); }, true},
    {"trylock", [](Mutex& m) { return m.Trylock(); }, false},
    {"timedlock", [](Mutex& m) { return m.Timedlock(5); }, false},
    {"timedlock in the past", [](Mutex& m) { return m.Timedlock(-5); }, false},
    {"timedlock with a bad time", [](Mutex& m) { return m.InvalidTimedlock(); }, false},
    {"clocklock monotonic", [](Mutex& m) { return m.Clocklock(CLOCK_MONOTONIC, 5); }, false},
    {"clocklock realtime", [](Mutex& m) { return m.Clocklock(CLOCK_REALTIME, 5); }, false},
    {"clocklock cputime", [](Mutex& m) { return m.Clocklock(CLOCK_THREAD_CPUTIME_ID, 5); }, false},
};

static void InThread(const std::function<void()>& body) { std::thread(body).join(); }

static bool Holds(int result) { return result == 0 || result == EOWNERDEAD; }

// With `mutex` held, before and after.
static void WaitForSignal(Mutex& mutex, pthread_cond_t* condition) {
  bool ready = false;
  std::thread signaller([&] {
    mutex.Lock();
    ready = true;
    pthread_cond_signal(condition);
    mutex.Unlock();
  });
  while (!ready) pthread_cond_wait(condition, mutex.get());
  signaller.join();
}

static void States(const Kind& kind, const Variant& variant) {
  const std::string name = std::string(kind.name) + " " + variant.name;
  const bool checks_owner = kind.type == PTHREAD_MUTEX_ERRORCHECK ||
                            kind.type == PTHREAD_MUTEX_RECURSIVE || variant.robust;
  for (const NamedCall& call : kLockCalls) {
    {
      prefix = name + ", free";
      Mutex mutex(kind, variant);
      if (Holds(Print(call.name, [&] { return call.call(mutex); }))) {
        Print("unlock", [&] { return mutex.Unlock(); });
      }
    }
    // A lock of one's own mutex that is not checked sleeps for ever, with a timeout too when PI.
    const bool own_is_checked =
        kind.type == PTHREAD_MUTEX_ERRORCHECK || kind.type == PTHREAD_MUTEX_RECURSIVE;
    if (own_is_checked || !call.may_block_for_ever) {
      prefix = name + ", held by the caller";
      Mutex mutex(kind, variant);
      if (Print("lock", [&] { return mutex.Lock(); }) == 0) {
        if (Holds(Print(call.name, [&] { return call.call(mutex); }))) {
          Print("unlock", [&] { return mutex.Unlock(); });
        }
        Print("unlock", [&] { return mutex.Unlock(); });
      }
    }
    {
      prefix = name + ", held by another thread";
      Mutex mutex(kind, variant);
      if (Print("lock", [&] { return mutex.Lock(); }) == 0) {
        std::thread other([&] {
          if (Holds(Print(call.name, [&] { return call.call(mutex); }))) {
            Print("unlock", [&] { return mutex.Unlock(); });
          }
        });
        if (!call.may_block_for_ever) other.join();
        if (call.may_block_for_ever) Nap(20);
        mutex.Unlock();
        if (other.joinable()) other.join();
      }
    }
    if (variant.robust) {
      prefix = name + ", owner died";
      Mutex mutex(kind, variant);
      InThread([&] { mutex.Lock(); });
      if (Holds(Print(call.name, [&] { return call.call(mutex); }))) {
        Print("consistent", [&] { return pthread_mutex_consistent(mutex.get()); });
        Print("unlock", [&] { return mutex.Unlock(); });
        Print("lock again", [&] { return mutex.Lock(); });
        Print("unlock again", [&] { return mutex.Unlock(); });
      }
      prefix = name + ", owner died, never made consistent";
      Mutex lost(kind, variant);
      InThread([&] { lost.Lock(); });
      Print("lock", [&] { return lost.Lock(); });
      Print("unlock", [&] { return lost.Unlock(); });
      Print(call.name, [&] { return call.call(lost); });
    }
    if (variant.robust && call.may_block_for_ever) {
      prefix = name + ", owner dies while another waits";
      Mutex mutex(kind, variant);
      std::atomic<bool> held = false;
      std::thread owner([&] {
        mutex.Lock();
        held = true;
        Nap(5);
      });
      while (!held) Nap(1);
      Print(call.name, [&] { return call.call(mutex); });
      Print("unlock", [&] { return mutex.Unlock(); });
      owner.join();
    }
  }
  if (checks_owner) {
    prefix = name + ", not the owner";
    Mutex mutex(kind, variant);
    Print("unlock of a free one", [&] { return mutex.Unlock(); });
    if (mutex.Lock() == 0) {
      InThread([&] { Print("unlock", [&] { return mutex.Unlock(); }); });
      Print("unlock by the owner", [&] { return mutex.Unlock(); });
    }
  }
  if (kind.type == PTHREAD_MUTEX_RECURSIVE) {
    prefix = name + ", nested";
    Mutex mutex(kind, variant);
    for (int i = 0; i < 3; ++i) Print("lock", [&] { return mutex.Lock(); });
    InThread([&] { Print("trylock of another thread", [&] { return mutex.Trylock(); }); });
    for (int i = 0; i < 4; ++i) Print("unlock", [&] { return mutex.Unlock(); });
    InThread([&] {
      if (Print("trylock of another thread", [&] { return mutex.Trylock(); }) == 0) mutex.Unlock();
    });
  }
  {
    prefix = name + ", condition variable";
    Mutex mutex(kind, variant);
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    if (mutex.Lock() == 0) {
      const timespec deadline = After(CLOCK_REALTIME, 3);
      Print("timedwait",
            [&] { return pthread_cond_timedwait(&condition, mutex.get(), &deadline); });
      // Another thread is refused one with a ceiling (EINVAL above), and could only signal without it.
      if (variant.protocol != PTHREAD_PRIO_PROTECT) WaitForSignal(mutex, &condition);
      Print("unlock after a wait", [&] { return mutex.Unlock(); });
    }
  }
}

int main() {
  for (const Kind& kind : kKinds) {
    for (const Variant& variant : kVariants) States(kind, variant);
  }
  std::printf("end\n");
}

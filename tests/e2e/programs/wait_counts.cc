// wait_counts CASE: waits of one kind that are certain: whoever wakes has seen every waiter asleep. The truth: how many
// waits there were, and how many calls ended them (released).
//
// conditions, semaphores, barriers, threads, once, futexes, spin, c11; handed: a mutex that a condition wait gives away.
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "samples/asleep.h"
#include "samples/truth.h"

static constexpr int kRounds = 20;

static void Require(bool holds) {
  if (!holds) std::abort();
}

static void Nap() {
  const timespec time = {0, 50'000};
  nanosleep(&time, nullptr);
}

// One thread that waits, and says how often it was about to.
class Waiter {
 public:
  explicit Waiter(void (*wait)(int round)) : wait_(wait) {
    Require(pthread_create(&thread_, nullptr, Run, this) == 0);
  }
  // Lets it begin that round, and returns when it sleeps in its call; or computes there.
  void AwaitSleep(int round) {
    may_begin_ = round + 1;
    while (begun_ <= round) Nap();
    while (!IsAsleep(tid_)) Nap();
  }
  void AwaitSpinning(int round) {
    may_begin_ = round + 1;
    while (begun_ <= round) Nap();
    for (const long begin = CpuNs(); CpuNs() - begin < 200'000;) Nap();
  }
  void AwaitEnd(int round) const {
    while (ended_ <= round) Nap();
  }
  void Join() const { Require(pthread_join(thread_, nullptr) == 0); }

 private:
  static void* Run(void* waiter) {
    static_cast<Waiter*>(waiter)->Waits();
    return nullptr;
  }
  void Waits() {
    tid_ = static_cast<pid_t>(syscall(SYS_gettid));
    for (int round = 0; round < kRounds; ++round) {
      while (may_begin_ <= round) Nap();
      begun_ = round + 1;
      wait_(round);
      ended_ = round + 1;
    }
  }
  long CpuNs() const {
    clockid_t clock;
    timespec time;
    Require(pthread_getcpuclockid(thread_, &clock) == 0 && clock_gettime(clock, &time) == 0);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
  }

  void (*wait_)(int round);
  pthread_t thread_;
  std::atomic<pid_t> tid_ = 0;
  std::atomic<int> may_begin_ = 0, begun_ = 0, ended_ = 0;
};

static void PrintTruth(int waits, int released) {
  std::printf("truth waits=%d released=%d\n", waits, released);
}

// One waiter, whom `wake` wakes in each round.
static void OneByOne(void (*wait)(int), void (*wake)(int)) {
  Waiter waiter(wait);
  for (int round = 0; round < kRounds; ++round) {
    waiter.AwaitSleep(round);
    wake(round);
    waiter.AwaitEnd(round);
  }
  waiter.Join();
  PrintTruth(kRounds, kRounds);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static void Conditions() {
  OneByOne(
      [](int) {
        pthread_mutex_lock(&mutex);
        Require(pthread_cond_wait(&condition, &mutex) == 0);
        pthread_mutex_unlock(&mutex);
      },
      [](int round) {
        round % 2 == 0 ? pthread_cond_signal(&condition) : pthread_cond_broadcast(&condition);
      });
}

static mtx_t c11_mutex;
static cnd_t c11_condition;
static void C11() {
  mtx_init(&c11_mutex, mtx_plain);
  cnd_init(&c11_condition);
  OneByOne(
      [](int) {
        mtx_lock(&c11_mutex);
        Require(cnd_wait(&c11_condition, &c11_mutex) == thrd_success);
        mtx_unlock(&c11_mutex);
      },
      [](int round) {
        round % 2 == 0 ? cnd_signal(&c11_condition) : cnd_broadcast(&c11_condition);
      });
}

static sem_t semaphore;
static void Semaphores() {
  sem_init(&semaphore, 0, 0);
  sem_post(&semaphore);
  Require(sem_wait(&semaphore) == 0);  // it need not wait
  OneByOne([](int) { Require(sem_wait(&semaphore) == 0); }, [](int) { sem_post(&semaphore); });
}

static pthread_barrier_t barrier;
static void Barriers() {
  pthread_barrier_init(&barrier, nullptr, 2);
  OneByOne([](int) { Require(pthread_barrier_wait(&barrier) == 0); },
           [](int) { Require(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD); });
}

static void Threads() {
  for (int round = 0; round < kRounds; ++round) {
    pthread_t thread;
    const auto end = [](void*) -> void* { return nullptr; };
    Require(pthread_create(&thread, nullptr, end, nullptr) == 0);
    Require(pthread_join(thread, nullptr) == 0);
  }
  PrintTruth(kRounds, 0);
}

static pthread_once_t controls[kRounds];
static std::atomic<int> in_routine = 0;
static std::atomic<bool> may_return;
static void Once() {
  const auto routine = [] {
    in_routine += 1;
    while (!may_return) Nap();
    may_return = false;
  };
  static void (*const kRoutine)() = routine;
  const auto call = [](void* control) -> void* {
    pthread_once(static_cast<pthread_once_t*>(control), kRoutine);
    return nullptr;
  };
  Waiter waiter([](int round) {
    while (in_routine <= round) sched_yield();
    pthread_once(&controls[round], kRoutine);
  });
  for (int round = 0; round < kRounds; ++round) {
    pthread_t thread;
    Require(pthread_create(&thread, nullptr, call, &controls[round]) == 0);
    while (in_routine <= round) Nap();
    waiter.AwaitSleep(round);
    may_return = true;
    waiter.AwaitEnd(round);
    Require(pthread_detach(thread) == 0);
  }
  waiter.Join();
  PrintTruth(kRounds, 0);
}

static std::atomic<int> word;
static long Futex(int operation, int value) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}
static void Futexes() {
  Require(Futex(FUTEX_WAIT, -1) == -1 && Futex(FUTEX_WAKE, 1) == 0);  // neither is one
  OneByOne(
      [](int round) { Require(Futex(round % 2 == 0 ? FUTEX_WAIT : FUTEX_WAIT_BITSET, 0) == 0); },
      [](int round) { Require(Futex(round % 2 == 0 ? FUTEX_WAKE : FUTEX_WAKE_BITSET, 1) == 1); });
}

// These do not sleep: what is held long enough is waited for.
static pthread_spinlock_t spin;
static void Spin() {
  pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
  pthread_spin_lock(&spin);
  Waiter waiter([](int) {
    pthread_spin_lock(&spin);
    pthread_spin_unlock(&spin);
  });
  for (int round = 0; round < kRounds; ++round) {
    waiter.AwaitSpinning(round);
    pthread_spin_unlock(&spin);
    waiter.AwaitEnd(round);
    pthread_spin_lock(&spin);
  }
  waiter.Join();
  PrintTruth(kRounds, kRounds);
}

// A waiter gets the mutex from a condition wait.
NAMED void GiveAway() {
  timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 1;
  Require(pthread_cond_timedwait(&condition, &mutex, &until) == 0);
  EndOfFrame();
}
static void Handed() {
  pthread_mutex_lock(&mutex);
  Waiter waiter([](int) {
    pthread_mutex_lock(&mutex);
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
  });
  for (int round = 0; round < kRounds; ++round) {
    waiter.AwaitSleep(round);
    GiveAway();
    waiter.AwaitEnd(round);
  }
  pthread_mutex_unlock(&mutex);
  waiter.Join();
  PrintTruth(kRounds, kRounds);
}

int main(int argc, char** argv) {
  constexpr struct {
    const char* name;
    void (*run)();
  } kCases[] = {{"conditions", Conditions}, {"c11", C11},         {"semaphores", Semaphores},
                {"barriers", Barriers},     {"threads", Threads}, {"once", Once},
                {"futexes", Futexes},       {"spin", Spin},       {"handed", Handed}};
  for (const auto& [name, run] : kCases) {
    if (argc == 2 && std::strcmp(argv[1], name) == 0) run();
  }
}

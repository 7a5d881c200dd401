// cancelled: threads that are cancelled in every kind of wait, and where they compute: cleanup handlers run, find the
// mutex held where it must be, and free.
//
//   cancelled [ROUNDS]
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "samples/truth.h"

static constexpr size_t kSize = 120;

static std::atomic<size_t> allocations, frees, acquisitions, wrong;
static pthread_mutex_t mutex;  // checks its owner
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t empty;
static int silent_pipe[2];
static std::atomic<bool> sleeper_may_end;

NAMED void* AllocateBeforeWaiting() {
  void* p = std::malloc(kSize);
  Escape(p);
  allocations += 1;
  return p;
}

static void Lock() {
  pthread_mutex_lock(&mutex);
  acquisitions += 1;
}

static void Free(void* block) {
  std::free(block);
  frees += 1;
}

// A mutex that checks its owner is unlocked by no one else.
static void FreeAndUnlock(void* block) {
  Free(block);
  wrong += pthread_mutex_unlock(&mutex) != 0;
}

static void InCondWait() {
  Lock();
  pthread_cleanup_push(FreeAndUnlock, AllocateBeforeWaiting());
  for (;;) pthread_cond_wait(&never, &mutex);
  pthread_cleanup_pop(0);
}

static void InCondTimedwait() {
  Lock();
  pthread_cleanup_push(FreeAndUnlock, AllocateBeforeWaiting());
  timespec much_later;
  clock_gettime(CLOCK_REALTIME, &much_later);
  much_later.tv_sec += 3600;
  for (;;) pthread_cond_timedwait(&never, &mutex, &much_later);
  pthread_cleanup_pop(0);
}

static void InSemWait() {
  pthread_cleanup_push(Free, AllocateBeforeWaiting());
  for (;;) sem_wait(&empty);
  pthread_cleanup_pop(0);
}

static void* Sleep(void*) {
  while (!sleeper_may_end) usleep(100);
  return nullptr;
}

static pthread_t sleeper;
static void InJoin() {
  pthread_cleanup_push(Free, AllocateBeforeWaiting());
  for (;;) pthread_join(sleeper, nullptr);
  pthread_cleanup_pop(0);
}

static void InRead() {
  pthread_cleanup_push(Free, AllocateBeforeWaiting());
  char byte;
  for (;;) static_cast<void>(!read(silent_pipe[0], &byte, 1));
  pthread_cleanup_pop(0);
}

// A frame with a cleanup must be cancelled at a call that may throw, for all the compiler knows.
static void ComputeForEver() {
  for (;;) EndOfFrame();
}
static void (*volatile compute)() = ComputeForEver;

// Nothing but arithmetic may be cancelled asynchronously.
static void InArithmetic() {
  pthread_cleanup_push(Free, AllocateBeforeWaiting());
  int old;
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
  compute();
  pthread_cleanup_pop(0);
}

// Asks for its own end, and meets it at the next lock that it gives away.
static void AfterLocking() {
  pthread_cleanup_push(Free, AllocateBeforeWaiting());
  pthread_cancel(pthread_self());
  Lock();  // no cancellation point
  wrong += pthread_mutex_unlock(&mutex) != 0;
  pthread_testcancel();
  wrong += 1;
  pthread_cleanup_pop(0);
}

static void* Run(void* wait) {
  reinterpret_cast<void (*)()>(wait)();
  wrong += 1;
  return nullptr;
}

int main(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 1, 50);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&mutex, &attributes);
  sem_init(&empty, 0, 0);
  if (pipe(silent_pipe) != 0 || pthread_create(&sleeper, nullptr, Sleep, nullptr) != 0) return 2;
  void (*const kWaits[])() = {InCondWait, InCondTimedwait, InSemWait,   InJoin,
                              InRead,     InArithmetic,    AfterLocking};
  for (size_t round = 0; round < rounds; ++round) {
    for (void (*wait)() : kWaits) {
      pthread_t thread;
      if (pthread_create(&thread, nullptr, Run, reinterpret_cast<void*>(wait)) != 0) return 2;
      if (round % 2 == 0) usleep(200);  // mostly asleep by then; in other rounds mostly not
      if (wait != AfterLocking) pthread_cancel(thread);
      void* result = nullptr;
      pthread_join(thread, &result);
      wrong += result != PTHREAD_CANCELED;
    }
    // The mutex is free again.
    wrong += pthread_mutex_trylock(&mutex) != 0;
    acquisitions += 1;
    pthread_mutex_unlock(&mutex);
  }
  sleeper_may_end = true;
  pthread_join(sleeper, nullptr);
  std::printf("truth wrong=%zu acquisitions=%zu", wrong.load(), acquisitions.load());
  Tally{allocations, allocations * kSize, frees, frees * kSize}.Print("AllocateBeforeWaiting");
  std::printf("\n");
}

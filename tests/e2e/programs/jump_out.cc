// A signal handler that leaves by longjmp, ten thousand times a second, out of what the program does: at any
// instruction of libc's functions, of the agent's, and of what lies between.
//
//   jump_out SIGNALS waits|locks|heap [busy]
//
// waits: a timedlock whose deadline has passed, on a mutex that another thread keeps, is a wait that always ends at
// once, and libc's part of it may be left anywhere. locks: mutexes that are made anew after each jump. heap: needs an
// allocator that may be left anywhere. busy: the handler itself allocates, locks, and only then leaves, or returns.
//
// The truth: how many rounds returned, how many were left, and how often the handler did its own work.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "samples/truth.h"

namespace {

pthread_mutex_t kept_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t mutex;
pthread_barrier_t kept;
sigjmp_buf target;
volatile sig_atomic_t armed;
volatile long signals;
long enough;
bool busy;

void SetTimer(long us) {
  const itimerval every = {{0, us}, {0, us}};
  setitimer(ITIMER_REAL, &every, nullptr);
}

// On a mutex of its own: handlers of one thread do not interrupt each other.
NAMED void UseInHandler() {
  static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  void* block = malloc(4000);
  memset(block, 0xcc, 4000);
  pthread_mutex_lock(&own);
  pthread_mutex_unlock(&own);
  free(block);
  EndOfFrame();
}

void Handle(int) {
  signals = signals + 1;
  // On a machine that is too slow for them there would be no end of signals.
  if (signals >= enough) SetTimer(0);
  if (busy) UseInHandler();
  if (armed == 0 || (busy && signals % 2 != 0)) return;
  // siglongjmp lets signals in before it leaves the stack: their handlers must return, or they would fill it.
  armed = 0;
  siglongjmp(target, 1);
}

void* Keep(void*) {
  // Signals are the other thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_mutex_lock(&kept_mutex);
  pthread_barrier_wait(&kept);
  pthread_barrier_wait(&kept);
  pthread_mutex_unlock(&kept_mutex);
  return nullptr;
}

NAMED void WaitInVain() {
  const timespec past = {1, 0};
  pthread_mutex_timedlock(&kept_mutex, &past);
  EndOfFrame();
}

NAMED void LockTwice() {
  mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  pthread_mutex_trylock(&mutex);
  pthread_mutex_unlock(&mutex);
  EndOfFrame();
}

long damaged;

NAMED void AllocateTwice() {
  auto* block = static_cast<unsigned char*>(malloc(72));
  memset(block, 0x5a, 72);
  block = static_cast<unsigned char*>(realloc(block, 144));
  for (int i = 0; i < 72; ++i) damaged += block[i] != 0x5a;
  free(block);
  EndOfFrame();
}

struct Work {
  const char* name;
  const char* function;
  void (*round)();
};
constexpr Work kWorks[] = {{"waits", "WaitInVain", WaitInVain},
                           {"locks", "LockTwice", LockTwice},
                           {"heap", "AllocateTwice", AllocateTwice}};

const Work* Find(const char* name) {
  for (const Work& work : kWorks) {
    if (strcmp(work.name, name) == 0) return &work;
  }
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  enough = atol(argv[1]);
  const Work* work = Find(argv[2]);
  busy = argc > 3;
  if (work == nullptr) return 2;
  pthread_barrier_init(&kept, nullptr, 2);
  pthread_t keeper;
  pthread_create(&keeper, nullptr, Keep, nullptr);
  pthread_barrier_wait(&kept);
  struct sigaction action = {};
  action.sa_handler = Handle;
  sigaction(SIGALRM, &action, nullptr);
  SetTimer(100);

  // Static: longjmp leaves automatic variables undefined.
  static long returned, left;
  while (signals < enough) {
    if (sigsetjmp(target, 1) != 0) {
      ++left;
      continue;
    }
    armed = 1;
    work->round();
    armed = 0;
    ++returned;
  }
  SetTimer(0);
  pthread_barrier_wait(&kept);
  pthread_join(keeper, nullptr);
  printf("truth handled=%ld damaged=%ld function=%s returned=%ld left=%ld mutex_address=%lu\n",
         busy ? static_cast<long>(signals) : 0, damaged, work->function, returned, left,
         reinterpret_cast<unsigned long>(&kept_mutex));
}

// A signal handler that leaves by longjmp, ten thousand times a second, out of lock functions: at any instruction of
// theirs, of the agent's, and of what lies between. The truth: how many waits returned, and on which mutex.
//
// A timedlock whose deadline has passed, on a mutex that another thread keeps, is a wait that always ends at once, and
// libc's part of it may be left anywhere.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

namespace {

pthread_mutex_t kept_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_barrier_t kept;
sigjmp_buf target;
volatile sig_atomic_t armed;

void Leave(int) {
  if (armed != 0) siglongjmp(target, 1);
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

[[gnu::noipa]] void WaitInVain() {
  const timespec past = {1, 0};
  pthread_mutex_timedlock(&kept_mutex, &past);
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? atol(argv[1]) : 100000;
  pthread_barrier_init(&kept, nullptr, 2);
  pthread_t keeper;
  pthread_create(&keeper, nullptr, Keep, nullptr);
  pthread_barrier_wait(&kept);
  struct sigaction action = {};
  action.sa_handler = Leave;
  sigaction(SIGALRM, &action, nullptr);
  const itimerval every_100us = {{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &every_100us, nullptr);

  // Static: longjmp leaves automatic variables undefined.
  static long returned, left, round;
  for (round = 0; round < rounds; ++round) {
    if (sigsetjmp(target, 1) != 0) {
      armed = 0;
      ++left;
      continue;
    }
    armed = 1;
    WaitInVain();
    armed = 0;
    ++returned;
  }
  const itimerval never = {};
  setitimer(ITIMER_REAL, &never, nullptr);
  pthread_barrier_wait(&kept);
  pthread_join(keeper, nullptr);
  printf("truth function=WaitInVain returned=%ld left=%ld mutex_address=%lu\n", returned, left,
         reinterpret_cast<unsigned long>(&kept_mutex));
}

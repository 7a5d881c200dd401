// fork_beside_waiter: forks while one thread each waits for a mutex, an rwlock and a semaphore. In the child nobody waits:
// it releases them, which is no event, and ends. The parent releases them to its waiters.
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "samples/asleep.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static std::atomic<pid_t> tids[3];

static void Require(bool holds) {
  if (!holds) std::abort();
}

static void* WaitForMutex(void*) {
  tids[0] = static_cast<pid_t>(syscall(SYS_gettid));
  Require(pthread_mutex_lock(&mutex) == 0);
  Require(pthread_mutex_unlock(&mutex) == 0);
  return nullptr;
}
static void* WaitForRwlock(void*) {
  tids[1] = static_cast<pid_t>(syscall(SYS_gettid));
  Require(pthread_rwlock_wrlock(&rwlock) == 0);
  Require(pthread_rwlock_unlock(&rwlock) == 0);
  return nullptr;
}

static void* WaitForSemaphore(void*) {
  tids[2] = static_cast<pid_t>(syscall(SYS_gettid));
  Require(sem_wait(&semaphore) == 0);
  return nullptr;
}

static void ReleaseAll() {
  Require(pthread_mutex_unlock(&mutex) == 0);
  Require(pthread_rwlock_unlock(&rwlock) == 0);
  Require(sem_post(&semaphore) == 0);
}

static void AwaitSleep(const std::atomic<pid_t>& tid) {
  while (tid == 0 || !IsAsleep(tid)) {
    const timespec time = {0, 100'000};
    nanosleep(&time, nullptr);
  }
}

int main() {
  pthread_t threads[3];
  sem_init(&semaphore, 0, 0);
  Require(pthread_mutex_lock(&mutex) == 0 && pthread_rwlock_rdlock(&rwlock) == 0);
  Require(pthread_create(&threads[0], nullptr, WaitForMutex, nullptr) == 0);
  Require(pthread_create(&threads[1], nullptr, WaitForRwlock, nullptr) == 0);
  Require(pthread_create(&threads[2], nullptr, WaitForSemaphore, nullptr) == 0);
  for (const std::atomic<pid_t>& tid : tids) AwaitSleep(tid);
  const pid_t child = fork();
  if (child == 0) {
    ReleaseAll();
    _exit(9);
  }
  int status = 0;
  Require(waitpid(child, &status, 0) == child);
  ReleaseAll();
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  std::printf("child ended with %d\n", WEXITSTATUS(status));
  std::printf("truth contended=2 released=3\n");
}

// shared_mutex: two processes share a mutex, each at an address of its own. Each keeps it while the other asks in vain.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

static constexpr timespec kPast = {1, 0};
static constexpr int kOfTheParent = 7;
static constexpr int kOfTheChild = 30;

struct Shared {
  pthread_mutex_t mutex;
  pthread_barrier_t step;
};

static void Require(bool holds) {
  if (!holds) std::abort();
}

static Shared* Map(int fd) {
  void* p = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  Require(p != MAP_FAILED);
  return static_cast<Shared*>(p);
}

static void* Sleep(void*) {
  for (;;) pause();
}

// So that the process never has one thread alone.
static void StartSleeper() {
  pthread_t sleeper;
  Require(pthread_create(&sleeper, nullptr, Sleep, nullptr) == 0);
}

static void Keep(Shared* shared) {
  Require(pthread_mutex_lock(&shared->mutex) == 0);
  pthread_barrier_wait(&shared->step);
  pthread_barrier_wait(&shared->step);
  Require(pthread_mutex_unlock(&shared->mutex) == 0);
  pthread_barrier_wait(&shared->step);
}

static void AskInVain(Shared* shared, int times) {
  pthread_barrier_wait(&shared->step);
  for (int i = 0; i < times; ++i) {
    Require(pthread_mutex_timedlock(&shared->mutex, &kPast) == ETIMEDOUT);
  }
  pthread_barrier_wait(&shared->step);
  pthread_barrier_wait(&shared->step);
}

int main() {
  const int fd = memfd_create("shared", MFD_CLOEXEC);
  Require(fd >= 0 && ftruncate(fd, sizeof(Shared)) == 0);
  Shared* shared = Map(fd);
  pthread_mutexattr_t mutex_shared;
  pthread_mutexattr_init(&mutex_shared);
  pthread_mutexattr_setpshared(&mutex_shared, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&shared->mutex, &mutex_shared);
  pthread_barrierattr_t barrier_shared;
  pthread_barrierattr_init(&barrier_shared);
  pthread_barrierattr_setpshared(&barrier_shared, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&shared->step, &barrier_shared, 2);
  const pid_t child = fork();
  if (child == 0) {
    StartSleeper();
    Shared* elsewhere = Map(fd);
    AskInVain(elsewhere, kOfTheChild);
    Keep(elsewhere);
    return 0;
  }
  StartSleeper();
  Keep(shared);
  AskInVain(shared, kOfTheParent);
  int status = 0;
  Require(waitpid(child, &status, 0) == child && status == 0);
  std::printf("truth parent=%d child=%d\n", kOfTheParent, kOfTheChild);
}

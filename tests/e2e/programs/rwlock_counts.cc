// rwlock_counts CASE: calls of rwlocks that are waits, and calls that are none. Prints as the truth how often a reader and
// a writer waited, and how often the lock was taken.
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <shared_mutex>

static constexpr int kRounds = 100;
static constexpr timespec kPast = {1, 0};

static long read_waits, write_waits, acquisitions;

static void Require(bool holds) {
  if (!holds) std::abort();
}
static void Expect(int result, int expected) {
  Require(result == expected);
  acquisitions += result == 0 ? 1 : 0;
}

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void InThread(void* (*body)(void*)) {
  pthread_t thread;
  Require(pthread_create(&thread, nullptr, body, nullptr) == 0);
  pthread_join(thread, nullptr);
}

// A timed call whose deadline has passed is a wait that ends at once.
static void* WriteInVain(void*) {
  for (int i = 0; i < kRounds; ++i) {
    Expect(pthread_rwlock_timedwrlock(&lock, &kPast), ETIMEDOUT);
    Expect(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &kPast), ETIMEDOUT);
    write_waits += 2;
  }
  return nullptr;
}
static void* ReadInVain(void*) {
  for (int i = 0; i < kRounds; ++i) {
    Expect(pthread_rwlock_timedrdlock(&lock, &kPast), ETIMEDOUT);
    Expect(pthread_rwlock_clockrdlock(&lock, CLOCK_MONOTONIC, &kPast), ETIMEDOUT);
    read_waits += 2;
  }
  return nullptr;
}
static void* TryInVain(void*) {
  for (int i = 0; i < kRounds; ++i) {
    Expect(pthread_rwlock_tryrdlock(&lock), EBUSY);
    Expect(pthread_rwlock_trywrlock(&lock), EBUSY);
  }
  return nullptr;
}
static void* ReadToo(void*) {
  for (int i = 0; i < kRounds; ++i) {
    Expect(pthread_rwlock_rdlock(&lock), 0);
    pthread_rwlock_unlock(&lock);
  }
  return nullptr;
}

static void Written() {
  Expect(pthread_rwlock_wrlock(&lock), 0);
  InThread(WriteInVain);
  InThread(ReadInVain);
  pthread_rwlock_unlock(&lock);
}
static void Read() {
  Expect(pthread_rwlock_rdlock(&lock), 0);
  InThread(WriteInVain);
  InThread(ReadToo);
  pthread_rwlock_unlock(&lock);
}
static void RefusedTry() {
  Expect(pthread_rwlock_wrlock(&lock), 0);
  InThread(TryInVain);
  pthread_rwlock_unlock(&lock);
}

// EDEADLK, EAGAIN and EINVAL come back at once: nobody was waited for.
static void RefusedAtOnce() {
  Expect(pthread_rwlock_wrlock(&lock), 0);
  for (int i = 0; i < kRounds; ++i) {
    Expect(pthread_rwlock_rdlock(&lock), EDEADLK);
    Expect(pthread_rwlock_wrlock(&lock), EDEADLK);
    Expect(pthread_rwlock_timedwrlock(&lock, &kPast), EDEADLK);
    Expect(pthread_rwlock_clockrdlock(&lock, CLOCK_TAI, &kPast), EINVAL);
  }
  pthread_rwlock_unlock(&lock);
  pthread_rwlock_t full = PTHREAD_RWLOCK_INITIALIZER;
  full.__data.__readers = ((1U << 28) - 1) << 3;  // as many readers as glibc can count
  for (int i = 0; i < kRounds; ++i) Expect(pthread_rwlock_rdlock(&full), EAGAIN);
}

// libstdc++ makes it of an rwlock.
static void SharedMutex() {
  std::shared_mutex mutex;
  for (int i = 0; i < kRounds; ++i) {
    mutex.lock();
    mutex.unlock();
    mutex.lock_shared();
    Require(mutex.try_lock_shared());
    mutex.unlock_shared();
    mutex.unlock_shared();
    acquisitions += 3;
  }
}

static void* Sleep(void*) {
  for (;;) pause();
}

int main(int argc, char** argv) {
  constexpr struct {
    const char* name;
    void (*run)();
  } kCases[] = {
      {"written", Written},          {"read", Read},
      {"refused_try", RefusedTry},   {"refused_at_once", RefusedAtOnce},
      {"shared_mutex", SharedMutex},
  };
  pthread_t sleeper;  // so that the program never has one thread alone
  Require(pthread_create(&sleeper, nullptr, Sleep, nullptr) == 0);
  for (const auto& [name, run] : kCases) {
    if (argc == 2 && std::strcmp(argv[1], name) == 0) run();
  }
  std::printf("truth contended=%ld read_waits=%ld write_waits=%ld acquisitions=%ld\n",
              read_waits + write_waits, read_waits, write_waits, acquisitions);
}

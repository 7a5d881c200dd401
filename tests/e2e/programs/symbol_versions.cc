// symbol_versions: the lock functions by every name and version that libc has them under: what programs say that were
// linked with an older one. libc's headers and its linker's script know the newest alone.
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

static constexpr int kRounds = 10;
static constexpr timespec kPast = {1, 0};

using Timed = int(pthread_mutex_t*, const timespec*);
using Clocked = int(pthread_mutex_t*, clockid_t, const timespec*);
using Plain = int(pthread_mutex_t*);
using PlainRw = int(pthread_rwlock_t*);
using TimedRw = int(pthread_rwlock_t*, const timespec*);
using ClockedRw = int(pthread_rwlock_t*, clockid_t, const timespec*);

#define VERSION(type, local, versioned_name) \
  extern "C" type local;                     \
  asm(".symver " #local ", " versioned_name)

VERSION(Plain, trylock_old, "pthread_mutex_trylock@GLIBC_2.2.5");
VERSION(Plain, trylock_new, "pthread_mutex_trylock@GLIBC_2.34");
VERSION(Plain, trylock_internal, "__pthread_mutex_trylock@GLIBC_2.2.5");
VERSION(Plain, lock_only, "pthread_mutex_lock@GLIBC_2.2.5");
VERSION(Plain, lock_internal, "__pthread_mutex_lock@GLIBC_2.2.5");
VERSION(Plain, unlock_only, "pthread_mutex_unlock@GLIBC_2.2.5");
VERSION(Plain, unlock_internal, "__pthread_mutex_unlock@GLIBC_2.2.5");
VERSION(Timed, timedlock_old, "pthread_mutex_timedlock@GLIBC_2.2.5");
VERSION(Timed, timedlock_new, "pthread_mutex_timedlock@GLIBC_2.34");
VERSION(Clocked, clocklock_old, "pthread_mutex_clocklock@GLIBC_2.30");
VERSION(Clocked, clocklock_new, "pthread_mutex_clocklock@GLIBC_2.34");

#define BOTH_VERSIONS(type, local, name)                             \
  VERSION(type, local##_old, "pthread_rwlock_" name "@GLIBC_2.2.5"); \
  VERSION(type, local##_new, "pthread_rwlock_" name "@GLIBC_2.34")
BOTH_VERSIONS(PlainRw, rdlock, "rdlock");
BOTH_VERSIONS(PlainRw, wrlock, "wrlock");
BOTH_VERSIONS(PlainRw, tryrdlock, "tryrdlock");
BOTH_VERSIONS(PlainRw, trywrlock, "trywrlock");
BOTH_VERSIONS(PlainRw, rwunlock, "unlock");
BOTH_VERSIONS(TimedRw, timedrdlock, "timedrdlock");
BOTH_VERSIONS(TimedRw, timedwrlock, "timedwrlock");
VERSION(ClockedRw, clockrdlock_old, "pthread_rwlock_clockrdlock@GLIBC_2.30");
VERSION(ClockedRw, clockrdlock_new, "pthread_rwlock_clockrdlock@GLIBC_2.34");
VERSION(ClockedRw, clockwrlock_old, "pthread_rwlock_clockwrlock@GLIBC_2.30");
VERSION(ClockedRw, clockwrlock_new, "pthread_rwlock_clockwrlock@GLIBC_2.34");
VERSION(PlainRw, rdlock_internal, "__pthread_rwlock_rdlock@GLIBC_2.2.5");
VERSION(PlainRw, wrlock_internal, "__pthread_rwlock_wrlock@GLIBC_2.2.5");
VERSION(PlainRw, tryrdlock_internal, "__pthread_rwlock_tryrdlock@GLIBC_2.2.5");
VERSION(PlainRw, trywrlock_internal, "__pthread_rwlock_trywrlock@GLIBC_2.2.5");
VERSION(PlainRw, rwunlock_internal, "__pthread_rwlock_unlock@GLIBC_2.2.5");

static pthread_rwlock_t kept_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t my_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t mine = PTHREAD_MUTEX_INITIALIZER;
static long contended, acquisitions;

static void Require(bool holds) {
  if (!holds) std::abort();
}

template <typename Lock>
static void Take(Lock* lock, int (*take)(Lock*), int (*release)(Lock*)) {
  for (int i = 0; i < kRounds; ++i) {
    Require(take(lock) == 0 && release(lock) == 0);
    ++acquisitions;
  }
}

template <typename Call>
static void WaitInVain(Call call) {
  for (int i = 0; i < kRounds; ++i) {
    Require(call() == ETIMEDOUT);
    ++contended;
  }
}

// Nothing that is recorded is left to it afterwards: the program may end at any moment.
static void* Keep(void* is_kept) {
  pthread_mutex_lock(&kept);
  pthread_rwlock_wrlock(&kept_rwlock);
  *static_cast<std::atomic<bool>*>(is_kept) = true;
  for (;;) pause();
}

// `internal`: the names with two underscores, which only old programs can have.
int main(int argc, char**) {
  const bool internal = argc > 1;
  std::atomic<bool> is_kept = false;
  pthread_t keeper;
  Require(pthread_create(&keeper, nullptr, Keep, &is_kept) == 0);
  while (!is_kept) usleep(100);
  acquisitions += 2;
  if (internal) {
    Take(&mine, trylock_internal, unlock_internal);
    Take(&mine, lock_internal, unlock_internal);
    for (PlainRw* take :
         {rdlock_internal, wrlock_internal, tryrdlock_internal, trywrlock_internal}) {
      Take(&my_rwlock, take, rwunlock_internal);
    }
  } else {
    Take(&mine, trylock_old, unlock_only);
    Take(&mine, trylock_new, unlock_only);
    Take(&mine, lock_only, unlock_only);
    for (PlainRw* take : {rdlock_old, rdlock_new, wrlock_old, wrlock_new, tryrdlock_old,
                          tryrdlock_new, trywrlock_old, trywrlock_new}) {
      Take(&my_rwlock, take, rwunlock_old);
      Take(&my_rwlock, take, rwunlock_new);
    }
    WaitInVain([] { return timedlock_old(&kept, &kPast); });
    WaitInVain([] { return timedlock_new(&kept, &kPast); });
    WaitInVain([] { return clocklock_old(&kept, CLOCK_MONOTONIC, &kPast); });
    WaitInVain([] { return clocklock_new(&kept, CLOCK_MONOTONIC, &kPast); });
    for (TimedRw* take : {timedrdlock_old, timedrdlock_new, timedwrlock_old, timedwrlock_new}) {
      WaitInVain([=] { return take(&kept_rwlock, &kPast); });
    }
    for (ClockedRw* take : {clockrdlock_old, clockrdlock_new, clockwrlock_old, clockwrlock_new}) {
      WaitInVain([=] { return take(&kept_rwlock, CLOCK_MONOTONIC, &kPast); });
    }
  }
  std::printf("truth contended=%ld acquisitions=%ld\n", contended, acquisitions);
}

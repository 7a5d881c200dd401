// symbol_versions: the lock functions by every name and version that libc has them under: what programs say that were
// linked with an older one. libc's headers and its linker's script know the newest alone.
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

static constexpr int kRounds = 10;
static constexpr timespec kPast = {1, 0};

using Timed = int(pthread_mutex_t*, const timespec*);
using Clocked = int(pthread_mutex_t*, clockid_t, const timespec*);
using Plain = int(pthread_mutex_t*);

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

static pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t mine = PTHREAD_MUTEX_INITIALIZER;
static long contended, acquisitions;

static void Require(bool holds) {
  if (!holds) std::abort();
}

static void Take(Plain* lock, Plain* unlock) {
  for (int i = 0; i < kRounds; ++i) {
    Require(lock(&mine) == 0 && unlock(&mine) == 0);
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

static void* Keep(void* step) {
  pthread_mutex_lock(&kept);
  pthread_barrier_wait(static_cast<pthread_barrier_t*>(step));
  for (;;) pause();
}

// `internal`: the names with two underscores, which only old programs can have.
int main(int argc, char**) {
  const bool internal = argc > 1;
  pthread_barrier_t step;
  pthread_barrier_init(&step, nullptr, 2);
  pthread_t keeper;
  Require(pthread_create(&keeper, nullptr, Keep, &step) == 0);
  pthread_barrier_wait(&step);
  ++acquisitions;
  if (internal) {
    Take(trylock_internal, unlock_internal);
    Take(lock_internal, unlock_internal);
  } else {
    Take(trylock_old, unlock_only);
    Take(trylock_new, unlock_only);
    Take(lock_only, unlock_only);
    WaitInVain([] { return timedlock_old(&kept, &kPast); });
    WaitInVain([] { return timedlock_new(&kept, &kPast); });
    WaitInVain([] { return clocklock_old(&kept, CLOCK_MONOTONIC, &kPast); });
    WaitInVain([] { return clocklock_new(&kept, CLOCK_MONOTONIC, &kPast); });
  }
  std::printf("truth contended=%ld acquisitions=%ld\n", contended, acquisitions);
}

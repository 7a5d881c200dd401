// heap_locks: two mutexes that are at one address, one after the other, in objects made by different functions.
//
// Main holds the mutex of an object of MakeCache until another thread is seen to wait for it, HOLD_MS more, and so a second
// time; deletes the object; and does it three times with one of MakePool, which the allocator puts where the first was.
//
// The truth: whether it did, how often each mutex was waited for, and where in its object it is.
#include <pthread.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>

#include "samples/truth.h"

struct Object {
  char before[0x48];
  std::mutex mutex;
};

NAMED Object* MakeCache() {
  Object* object = new Object;
  EndOfFrame();
  return object;
}
NAMED Object* MakePool() {
  Object* object = new Object;
  EndOfFrame();
  return object;
}

static void Nap(long ms) {
  const timespec time = {0, ms * 1'000'000};
  nanosleep(&time, nullptr);
}

// Says glibc's mutex.
static bool IsWaitedFor(std::mutex* mutex) {
  return __atomic_load_n(&mutex->native_handle()->__data.__lock, __ATOMIC_RELAXED) == 2;
}

NAMED void WaitForIt(std::mutex* mutex) {
  mutex->lock();
  mutex->unlock();
  EndOfFrame();
}

static void LetWait(Object* object, int times, long hold_ms) {
  for (int i = 0; i < times; ++i) {
    object->mutex.lock();
    std::thread waiter(WaitForIt, &object->mutex);
    while (!IsWaitedFor(&object->mutex)) Nap(1);
    Nap(hold_ms);
    object->mutex.unlock();
    waiter.join();
  }
}

int main(int argc, char** argv) {
  const long hold_ms = static_cast<long>(Argument(argc, argv, 1, 20));
  Object* cache = MakeCache();
  LetWait(cache, 2, hold_ms);
  const auto address = reinterpret_cast<uintptr_t>(cache);
  delete cache;
  Object* pool = MakePool();
  LetWait(pool, 3, hold_ms);
  std::printf("truth same_address=%d offset=%zu size=%zu cache_contended=2 pool_contended=3\n",
              reinterpret_cast<uintptr_t>(pool) == address, offsetof(Object, mutex),
              sizeof(Object));
  delete pool;
}

// thread_ends: threads that use the heap and locks while they end: in destructors of thread_local objects, in those of
// pthread keys up to the last round of them, and through other threads when they are gone.
//
//   thread_ends [THREADS]
#include <limits.h>
#include <pthread.h>

#include <atomic>

#include "samples/truth.h"

static constexpr size_t kSize = 88;

// Counted by the thread that main joins, one at a time.
static Tally in_object, in_key, left;
static size_t acquisitions;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static void* left_behind;

static void LockOnce() {
  pthread_mutex_lock(&mutex);
  ++acquisitions;
  pthread_mutex_unlock(&mutex);
}

NAMED void* AllocateForObject() {
  void* p = std::malloc(kSize);
  Escape(p);
  in_object.Allocated(kSize);
  return p;
}

NAMED void* AllocateForKey() {
  void* p = std::malloc(kSize);
  Escape(p);
  in_key.Allocated(kSize);
  return p;
}

NAMED void* AllocateToLeave() {
  void* p = std::malloc(kSize);
  Escape(p);
  left.Allocated(kSize);
  return p;
}

struct Object {
  void* block = AllocateForObject();
  ~Object() {
    std::free(block);
    in_object.Freed(kSize);
    std::free(AllocateForObject());
    in_object.Freed(kSize);
    LockOnce();
  }
};
static thread_local Object object;

// Sets itself again, so it runs in every round that there is.
static void EndKey(void* block) {
  std::free(block);
  in_key.Freed(kSize);
  LockOnce();
  static thread_local int rounds = 0;
  if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
    pthread_setspecific(key, AllocateForKey());
  } else {
    left_behind = AllocateToLeave();
  }
}

static void* Run(void*) {
  Escape(object.block);
  pthread_setspecific(key, AllocateForKey());
  return nullptr;
}

int main(int argc, char** argv) {
  const size_t threads = Argument(argc, argv, 1, 500);
  pthread_key_create(&key, EndKey);
  for (size_t i = 0; i < threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, Run, nullptr) != 0) return 2;
    pthread_join(thread, nullptr);
    std::free(left_behind);
    left.Freed(kSize);
  }
  std::printf("truth acquisitions=%zu", acquisitions);
  in_object.Print("AllocateForObject");
  in_key.Print("AllocateForKey");
  left.Print("AllocateToLeave");
  std::printf("\n");
}

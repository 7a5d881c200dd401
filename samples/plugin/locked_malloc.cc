// liblocked_malloc.so: an allocator with one mutex for all threads. What it hands out is glibc's.
#include <pthread.h>

#include <cerrno>
#include <cstddef>

extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);

// Whoever holds it keeps all threads from allocating.
pthread_mutex_t locked_malloc_mutex = PTHREAD_MUTEX_INITIALIZER;
}

namespace {

class Locked {
 public:
  Locked() { pthread_mutex_lock(&locked_malloc_mutex); }
  ~Locked() { pthread_mutex_unlock(&locked_malloc_mutex); }
};

}  // namespace

extern "C" {

void* malloc(size_t size) {
  const Locked locked;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  const Locked locked;
  return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
  const Locked locked;
  return __libc_realloc(block, size);
}
void* memalign(size_t alignment, size_t size) {
  const Locked locked;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** block, size_t alignment, size_t size) {
  void* const made = memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}
void free(void* block) {
  const Locked locked;
  __libc_free(block);
}

}  // extern "C"

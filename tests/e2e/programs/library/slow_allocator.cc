// slow_allocator: preloaded behind the agent, libc's allocator that takes 300 us longer for some blocks: malloc for those of
// 12345 bytes, free for the address that it gave last for 23456 bytes. It rounds nothing up: a block has what was asked for.
#include <time.h>

#include <cstddef>
#include <cstdint>

extern "C" {
void* __libc_malloc(size_t size);
void __libc_free(void* block);
void* __libc_realloc(void* block, size_t size);
void* __libc_calloc(size_t count, size_t size);
}

static constexpr int64_t kSlowNs = 300'000;
static constexpr size_t kSlowToAllocate = 12345, kSlowToFree = 23456;

static void* slow_to_free;

static int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

static void Spin() {
  const int64_t begin = NowNs();
  while (NowNs() - begin < kSlowNs) {
  }
}

extern "C" void* malloc(size_t size) {
  if (size == kSlowToAllocate) Spin();
  void* block = __libc_malloc(size);
  if (size == kSlowToFree) slow_to_free = block;
  return block;
}
extern "C" void free(void* block) {
  if (block != nullptr && block == slow_to_free) Spin();
  __libc_free(block);
}
extern "C" void* realloc(void* block, size_t size) { return __libc_realloc(block, size); }
extern "C" void* calloc(size_t count, size_t size) { return __libc_calloc(count, size); }

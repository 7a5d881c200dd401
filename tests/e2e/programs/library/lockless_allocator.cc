// liblockless_allocator.so, for LD_PRELOAD: an allocator that a signal handler may enter again, and leave by longjmp, at
// any instruction. libc's own would keep a lock then, with the agent and without it.
//
// One atomic add makes a block; blocks that were freed wait in one stack per size class, linked by index beside a count
// that tells an old head from a new one. What is left half done loses a block at most.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <cerrno>

namespace {

constexpr size_t kRegion = size_t{8} << 30;
constexpr size_t kUnit = 16;
constexpr uint32_t kClasses = 34;
constexpr uint32_t kNeverReused = kClasses;

struct Header {  // before each block
  size_t size;
  std::atomic<uint32_t> next;  // unit of the next free block of the class
  uint32_t size_class;
};
static_assert(sizeof(Header) == kUnit);

std::atomic<uintptr_t> region;
std::atomic<size_t> used = kUnit;  // unit 0 is no block
std::atomic<uint64_t> free_blocks[kClasses];

uintptr_t Region() {
  uintptr_t base = region.load();
  if (base != 0) return base;
  void* fresh = mmap(nullptr, kRegion, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fresh == MAP_FAILED) return 0;
  if (region.compare_exchange_strong(base, reinterpret_cast<uintptr_t>(fresh))) {
    return reinterpret_cast<uintptr_t>(fresh);
  }
  munmap(fresh, kRegion);
  return base;
}

Header* HeaderOf(void* block) { return static_cast<Header*>(block) - 1; }
Header* HeaderAt(uint32_t unit) {
  return reinterpret_cast<Header*>(region.load() + size_t{unit} * kUnit);
}

void* TakeFree(uint32_t size_class) {
  std::atomic<uint64_t>& head = free_blocks[size_class];
  uint64_t seen = head.load();
  while (static_cast<uint32_t>(seen) != 0) {
    Header* header = HeaderAt(static_cast<uint32_t>(seen));
    const uint64_t count = (seen >> 32) + 1;
    if (head.compare_exchange_weak(seen, count << 32 | header->next.load())) return header + 1;
  }
  return nullptr;
}

void PutFree(Header* header) {
  std::atomic<uint64_t>& head = free_blocks[header->size_class];
  const auto unit =
      static_cast<uint32_t>((reinterpret_cast<uintptr_t>(header) - region.load()) / kUnit);
  uint64_t seen = head.load();
  do {
    header->next.store(static_cast<uint32_t>(seen));
  } while (!head.compare_exchange_weak(seen, ((seen >> 32) + 1) << 32 | unit));
}

void* Make(size_t alignment, size_t size, uint32_t size_class) {
  const uintptr_t base = Region();
  if (base == 0 || size > kRegion || alignment > kRegion) return nullptr;
  const size_t room = (size + kUnit - 1) / kUnit * kUnit + sizeof(Header) + alignment;
  const size_t at = used.fetch_add(room);
  if (at + room > kRegion) return nullptr;
  const uintptr_t block = (base + at + sizeof(Header) + alignment - 1) & ~(alignment - 1);
  HeaderOf(reinterpret_cast<void*>(block))->size_class = size_class;
  return reinterpret_cast<void*>(block);
}

void* Allocate(size_t alignment, size_t size) {
  if (size > kRegion) return nullptr;
  void* block;
  if (alignment > kUnit) {
    block = Make(alignment, size, kNeverReused);
  } else {
    const auto size_class = static_cast<uint32_t>(std::bit_width(size | (kUnit - 1)));
    block = TakeFree(size_class);
    if (block == nullptr) block = Make(kUnit, size_t{1} << size_class, size_class);
  }
  if (block != nullptr) HeaderOf(block)->size = size;
  return block;
}

void Free(void* block) {
  if (block != nullptr && HeaderOf(block)->size_class != kNeverReused) PutFree(HeaderOf(block));
}

}  // namespace

// None calls another by its exported name: that would be a second call of the program's to who is preloaded before.
extern "C" {

void* malloc(size_t size) noexcept { return Allocate(kUnit, size); }
void free(void* block) noexcept { Free(block); }
void* calloc(size_t count, size_t size) noexcept {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* block = Allocate(kUnit, bytes);
  return block != nullptr ? memset(block, 0, bytes) : nullptr;
}
void* realloc(void* block, size_t size) noexcept {
  void* moved = Allocate(kUnit, size);
  if (moved == nullptr || block == nullptr) return moved;
  const size_t old = HeaderOf(block)->size;
  memcpy(moved, block, old < size ? old : size);
  Free(block);
  return moved;
}
void* memalign(size_t alignment, size_t size) noexcept { return Allocate(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) noexcept { return Allocate(alignment, size); }
int posix_memalign(void** out, size_t alignment, size_t size) noexcept {
  *out = Allocate(alignment, size);
  return *out != nullptr ? 0 : ENOMEM;
}
size_t malloc_usable_size(void* block) noexcept {
  return block != nullptr ? HeaderOf(block)->size : 0;
}

}  // extern "C"

// own_new: a program that defines operator new and delete itself, but not malloc.
//
//   own_new malloc     they call malloc and free, and count
//   own_new pool       they serve blocks of their own, which free must never see
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "guest.h"

alignas(64) static unsigned char pool[8 << 20];
static size_t pool_used;
static bool from_pool;
static Tally by_new;
static Tally by_malloc;

NAMED static void* Serve(size_t size) {
  if (!from_pool) {
    void* p = std::malloc(size);
    Escape(p);
    return p;
  }
  unsigned char* p = pool + pool_used;
  pool_used += (size + 63) & ~size_t{63};
  if (pool_used > sizeof pool) throw std::bad_alloc();
  return p;
}

static void Return(void* p) {
  const bool pooled = p >= pool && p < pool + sizeof pool;
  if (!pooled) std::free(p);
}

void* operator new(size_t size) { return Serve(size); }
void* operator new[](size_t size) { return Serve(size); }
void operator delete(void* p) noexcept { Return(p); }
void operator delete[](void* p) noexcept { Return(p); }
void operator delete(void* p, size_t) noexcept { Return(p); }
void operator delete[](void* p, size_t) noexcept { Return(p); }

NAMED void AllocateByNew(size_t count) {
  for (size_t i = 1; i <= count; ++i) {
    auto* p = static_cast<unsigned char*>(::operator new(i));
    std::memset(p, 1, i);
    Escape(p);
    ::operator delete(p);
    if (from_pool) continue;
    by_new.Allocated(i);
    by_new.Freed(i);
  }
}

NAMED void AllocateByMalloc(size_t count) {
  for (size_t i = 1; i <= count; ++i) {
    Escape(std::malloc(i));
    by_malloc.Allocated(i);
  }
}

int main(int argc, char** argv) {
  from_pool = argc > 1 && std::strcmp(argv[1], "pool") == 0;
  AllocateByNew(1000);
  AllocateByMalloc(100);
  std::vector<std::string> strings(100, std::string(100, 'x'));  // libstdc++ calls them too
  std::printf("%zu strings, served from the pool: %d\n", strings.size(), pool_used != 0);
  KeptMutex().WaitInVain(11);
  std::printf("truth contended=11");
  by_new.Print("AllocateByNew");
  by_malloc.Print("AllocateByMalloc");
  std::printf("\n");
}

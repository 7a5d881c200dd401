// heap_family: the functions that programs allocate with, their contents checked, beside the functions of libc that
// allocate for them. Built against several allocators: only what all of these define is called, so neither valloc nor pvalloc.
#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <thread>

#include "tests/e2e/programs/guest.h"

static Tally growth, zeroed, aligned, array, scalar, handed_over;

static void Fill(void* p, size_t size) { std::memset(p, static_cast<int>(size % 251), size); }
static void Check(const void* p, size_t size, size_t filled_as) {
  const auto* bytes = static_cast<const unsigned char*>(p);
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != filled_as % 251) std::abort();
  }
}

NAMED void GrowByRealloc(size_t most) {
  size_t size = 1;
  void* p = std::malloc(size);
  growth.Allocated(size);
  Fill(p, size);
  while (size < most) {
    p = std::realloc(p, size * 3);
    growth.Freed(size);
    growth.Allocated(size * 3);
    Check(p, size, size);
    size *= 3;
    Fill(p, size);
  }
  std::free(p);
  growth.Freed(size);
}

NAMED void AllocateZeroed(size_t count) {
  for (size_t i = 1; i <= count; ++i) {
    void* p = std::calloc(i, 24);
    zeroed.Allocated(i * 24);
    Check(p, i * 24, 0);
    Fill(p, i * 24);
    std::free(p);
    zeroed.Freed(i * 24);
  }
}

static void CheckAligned(const void* p, size_t alignment) {
  if (reinterpret_cast<uintptr_t>(p) % alignment != 0) std::abort();
}

// An aligned block may be grown by realloc and shrunk again.
NAMED void AllocateAligned(size_t count) {
  for (size_t i = 1; i <= count; ++i) {
    const size_t size = 100 + i;
    void* p = nullptr;
    if (posix_memalign(&p, 512, size) != 0) std::abort();
    CheckAligned(p, 512);
    Fill(p, size);
    aligned.Allocated(size);
    void* q = std::realloc(p, 4000);
    aligned.Freed(size);
    aligned.Allocated(4000);
    Check(q, size, size);
    q = std::realloc(q, 10);
    aligned.Freed(4000);
    aligned.Allocated(10);
    Check(q, 10, size);
    std::free(q);
    aligned.Freed(10);
    void* r = aligned_alloc(64, 640);
    CheckAligned(r, 64);
    aligned.Allocated(640);
    std::free(r);
    aligned.Freed(640);
    void* s = memalign(4096, 100);
    CheckAligned(s, 4096);
    aligned.Allocated(100);
    std::free(s);
    aligned.Freed(100);
  }
}

NAMED void GrowByReallocArray(size_t count) {
  void* p = nullptr;
  for (size_t i = 1; i <= count; ++i) {
    p = reallocarray(p, i, 100);
    array.Allocated(i * 100);
    if (i > 1) {
      array.Freed((i - 1) * 100);
      Check(p, (i - 1) * 100, (i - 1) * 100);
    }
    Fill(p, i * 100);
  }
  volatile size_t too_many = SIZE_MAX;
  if (reallocarray(p, too_many, 2) != nullptr) std::abort();
  std::free(p);
  array.Freed(count * 100);
}

// What libc allocates and the program frees.
NAMED void FreeWhatLibcAllocated() {
  std::free(strdup("a string"));
  char* text = nullptr;
  if (asprintf(&text, "%0*d", 5000, 7) != 5000 || std::strlen(text) != 5000) std::abort();
  std::free(text);
  std::FILE* lines = std::fopen("/proc/self/status", "r");
  char* line = nullptr;
  size_t capacity = 0;
  while (getline(&line, &capacity, lines) > 0) Escape(line);
  std::free(line);
  std::fclose(lines);
  std::free(getcwd(nullptr, 0));
  EndOfFrame();
}

NAMED void* AllocateToHandOver(size_t size) {
  void* p = std::malloc(size);
  handed_over.Allocated(size);
  Escape(p);
  return p;
}

// Each thread allocates what main frees, and frees what main allocated.
static void FreeInAnotherThread(size_t threads) {
  for (size_t i = 0; i < threads; ++i) {
    void* from_main = AllocateToHandOver(300 + i);
    void* from_thread = nullptr;
    std::thread([&] {
      std::free(from_main);
      from_thread = AllocateToHandOver(400 + i);
    }).join();
    std::free(from_thread);
    handed_over.Freed(300 + i);
    handed_over.Freed(400 + i);
  }
}

NAMED void UseNew(size_t count) {
  for (size_t i = 1; i <= count; ++i) {
    char* p = new char[i];
    scalar.Allocated(i);
    Escape(p);
    delete[] p;
    scalar.Freed(i);
  }
}

int main() {
  GrowByRealloc(2'000'000);
  AllocateZeroed(300);
  AllocateAligned(100);
  GrowByReallocArray(60);
  FreeWhatLibcAllocated();
  FreeInAnotherThread(5);
  UseNew(500);
  KeptMutex().WaitInVain(20);
  PrintDescriptors("at the end");
  std::printf("truth contended=20");
  growth.Print("GrowByRealloc");
  zeroed.Print("AllocateZeroed");
  aligned.Print("AllocateAligned");
  array.Print("GrowByReallocArray");
  scalar.Print("UseNew");
  handed_over.Print("AllocateToHandOver");
  std::printf(" function=FreeWhatLibcAllocated leaked_blocks=0 leaked_bytes=0\n");
}

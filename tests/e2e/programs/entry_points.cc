// entry_points: calls every function of the malloc family, with success and with failure, and
// prints what came back: alignment, contents, errno. The output must not depend on the agent. Each
// entry point has its function, and the last line counts what that one did (samples/truth.h).
#include <malloc.h>
#include <stdint.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "samples/truth.h"

// Part of the standard; clang declares them only when told to call them itself.
void operator delete(void*, std::size_t) noexcept;
void operator delete[](void*, std::size_t) noexcept;
void operator delete(void*, std::size_t, std::align_val_t) noexcept;

static constexpr int kUntouched = 77;
static volatile size_t zero = 0;  // not known to the compiler
static volatile size_t huge = PTRDIFF_MAX;
static volatile size_t odd_alignment = 48;

static Tally tally;

static const char* ErrnoName() {
  switch (errno) {
    case kUntouched:
      return "untouched";
    case ENOMEM:
      return "ENOMEM";
    case EINVAL:
      return "EINVAL";
    default:
      return "another";
  }
}

// Prints the outcome of a call and counts it. Writes to all of the block.
static void* Outcome(const char* call, void* p, size_t size, size_t alignment) {
  const char* errno_name = ErrnoName();
  Escape(p);
  std::printf("%s: %s, errno %s", call, p != nullptr ? "block" : "null", errno_name);
  if (p != nullptr) {
    tally.Allocated(size);
    std::memset(p, 0x5a, size);
    std::printf(", aligned to %zu: %s, usable: %s", alignment,
                reinterpret_cast<uintptr_t>(p) % alignment == 0 ? "yes" : "no",
                malloc_usable_size(p) >= size ? "enough" : "too little");
  }
  std::printf("\n");
  errno = kUntouched;
  return p;
}

// The same pointer; the compiler does not know that. (It makes a malloc of realloc(nullptr, n).)
static void* Hidden(void* p) {
  asm volatile("" : "+r"(p));
  return p;
}

static void Free(void* p, size_t size) {
  Escape(p);
  std::free(p);
  if (p != nullptr) tally.Freed(size);
  std::printf("free: errno %s\n", ErrnoName());
}

static void Check(const char* what, bool holds) {
  std::printf("%s: %s\n", what, holds ? "yes" : "no");
  errno = kUntouched;
}

NAMED void CallMalloc() {
  Free(Outcome("malloc(100)", std::malloc(100), 100, 16), 100);
  Free(Outcome("malloc(1 MiB)", std::malloc(1 << 20), 1 << 20, 16), 1 << 20);
  Free(Outcome("malloc(0)", std::malloc(zero), 0, 16), 0);
  Free(Outcome("malloc(PTRDIFF_MAX)", std::malloc(huge), 0, 16), 0);
  Free(Outcome("malloc(SIZE_MAX)", std::malloc(huge * 2 + 1), 0, 16), 0);
  Free(nullptr, 0);
}

NAMED void CallCalloc() {
  unsigned char* p = static_cast<unsigned char*>(std::calloc(10, 30));
  bool zeroed = true;
  for (size_t i = 0; i < 300; ++i) zeroed = zeroed && p[i] == 0;
  Check("calloc zeroes", zeroed);
  Free(Outcome("calloc(10, 30)", p, 300, 16), 300);
  Free(Outcome("calloc(0, 30)", std::calloc(zero, 30), 0, 16), 0);
  Free(Outcome("calloc overflow", std::calloc(huge, 4), 0, 16), 0);
  Free(Outcome("calloc(1, PTRDIFF_MAX)", std::calloc(1, huge), 0, 16), 0);
}

NAMED void CallRealloc() {
  void* p = Outcome("realloc(NULL, 50)", std::realloc(Hidden(nullptr), 50), 50, 16);
  p = Outcome("realloc grow", std::realloc(p, 5000), 5000, 16);
  tally.Freed(50);
  Check("realloc keeps contents", static_cast<char*>(p)[49] == 0x5a);
  p = Outcome("realloc grow to mmap", std::realloc(p, 1 << 20), 1 << 20, 16);
  tally.Freed(5000);
  p = Outcome("realloc shrink", std::realloc(p, 20), 20, 16);
  tally.Freed(1 << 20);
  p = Outcome("realloc same", std::realloc(p, 20), 20, 16);
  tally.Freed(20);
  void* failed = std::realloc(Hidden(p), huge);
  Outcome("realloc to PTRDIFF_MAX", failed, 0, 16);
  Check("the old block is kept", static_cast<char*>(p)[19] == 0x5a);
  // Frees; null is not a failure.
  Outcome("realloc(p, 0)", std::realloc(Hidden(p), zero), 0, 16);
  tally.Freed(20);
  Free(Outcome("realloc(NULL, 0)", std::realloc(Hidden(nullptr), zero), 0, 16), 0);
}

NAMED void CallReallocArray() {
  void* p = Outcome("reallocarray(NULL, 3, 7)", reallocarray(Hidden(nullptr), 3, 7), 21, 16);
  p = Outcome("reallocarray grow", reallocarray(p, 300, 7), 2100, 16);
  tally.Freed(21);
  void* failed = reallocarray(Hidden(p), huge, 4);
  Outcome("reallocarray overflow", failed, 0, 16);
  Check("the old block is kept", static_cast<char*>(p)[2099] == 0x5a);
  Free(p, 2100);
}

NAMED void CallMemalign() {
  Free(Outcome("memalign(256, 100)", memalign(256, 100), 100, 256), 100);
  Free(Outcome("memalign(8, 100)", memalign(8, 100), 100, 8), 100);
  Free(Outcome("memalign(48, 100)", memalign(odd_alignment, 100), 100, 16), 100);
  Free(Outcome("memalign(64, PTRDIFF_MAX)", memalign(64, huge), 0, 16), 0);
}

NAMED void CallAlignedAlloc() {
  Free(Outcome("aligned_alloc(64, 640)", std::aligned_alloc(64, 640), 640, 64), 640);
  Free(Outcome("aligned_alloc(4096, 8192)", std::aligned_alloc(4096, 8192), 8192, 4096), 8192);
  Free(Outcome("aligned_alloc(64, PTRDIFF_MAX)", std::aligned_alloc(64, huge), 0, 64), 0);
}

NAMED void CallPosixMemalign() {
  char old = 0;
  void* p = &old;
  Check("posix_memalign(64) returns 0", posix_memalign(&p, 64, 200) == 0);
  Free(Outcome("posix_memalign(64, 200)", p, 200, 64), 200);
  p = &old;
  Check("posix_memalign(4096) returns 0", posix_memalign(&p, 4096, 1) == 0);
  Free(Outcome("posix_memalign(4096, 1)", p, 1, 4096), 1);
  p = &old;
  const size_t bad_alignments[] = {0, 1, 4, 24, 48};
  for (const size_t alignment : bad_alignments) {
    const int result = posix_memalign(&p, alignment, 10);
    std::printf("posix_memalign(%zu): %s, errno %s\n", alignment,
                result == EINVAL ? "EINVAL" : "another", ErrnoName());
  }
  const int result = posix_memalign(&p, 64, huge);
  std::printf("posix_memalign(PTRDIFF_MAX): %s, errno %s\n",
              result == ENOMEM ? "ENOMEM" : "another", ErrnoName());
  Check("a failing posix_memalign leaves the pointer alone", p == &old);
}

NAMED void CallValloc() {
  Free(Outcome("valloc(100)", valloc(100), 100, 4096), 100);
  Free(Outcome("valloc(PTRDIFF_MAX)", valloc(huge), 0, 4096), 0);
}

NAMED void CallPvalloc() {
  void* p = Outcome("pvalloc(100)", pvalloc(100), 100, 4096);
  Check("pvalloc rounds up", malloc_usable_size(p) >= 4096);
  Free(p, 100);
  Free(Outcome("pvalloc(PTRDIFF_MAX)", pvalloc(huge), 0, 4096), 0);
}

NAMED void CallUsableSize() {
  Check("malloc_usable_size(NULL) is 0", malloc_usable_size(nullptr) == 0);
  void* p = Outcome("malloc(333)", std::malloc(333), 333, 16);
  Free(p, 333);
}

// The errno after a delete is not specified; what is tested is that none of them crashes.
// Sizes of aligned ones are multiples of the alignment: libstdc++ rounds the others up before it
// asks for them.
NAMED void CallNew() {
  void* p = Outcome("new", ::operator new(40), 40, 16);
  ::operator delete(p);
  tally.Freed(40);
  p = Outcome("new, sized delete", ::operator new(41), 41, 16);
  ::operator delete(p, 41);
  tally.Freed(41);
  p = Outcome("nothrow new", ::operator new(42, std::nothrow), 42, 16);
  ::operator delete(p, std::nothrow);
  tally.Freed(42);
  p = Outcome("aligned new", ::operator new(512, std::align_val_t(256)), 512, 256);
  ::operator delete(p, std::align_val_t(256));
  tally.Freed(512);
  p = Outcome("nothrow aligned new", ::operator new(64, std::align_val_t(64), std::nothrow), 64,
              64);
  ::operator delete(p, 64, std::align_val_t(64));
  tally.Freed(64);
  ::operator delete(nullptr);
}

NAMED void CallNewArray() {
  void* p = Outcome("new[]", ::operator new[](50), 50, 16);
  ::operator delete[](p);
  tally.Freed(50);
  p = Outcome("new[], sized delete[]", ::operator new[](51), 51, 16);
  ::operator delete[](p, 51);
  tally.Freed(51);
  p = Outcome("nothrow new[]", ::operator new[](52, std::nothrow), 52, 16);
  ::operator delete[](p, std::nothrow);
  tally.Freed(52);
  p = Outcome("aligned new[]", ::operator new[](384, std::align_val_t(128)), 384, 128);
  ::operator delete[](p, std::align_val_t(128));
  tally.Freed(384);
}

// Not counted: the exceptions are made on the heap too.
NAMED void CallFailingNew() {
  try {
    Escape(::operator new(huge));
    std::printf("new of PTRDIFF_MAX: returned\n");
  } catch (const std::bad_alloc& error) {
    std::printf("new of PTRDIFF_MAX: %s\n", error.what());
  }
  try {
    Escape(::operator new[](huge, std::align_val_t(64)));
    std::printf("aligned new[] of PTRDIFF_MAX: returned\n");
  } catch (const std::bad_alloc& error) {
    std::printf("aligned new[] of PTRDIFF_MAX: %s\n", error.what());
  }
  Check("nothrow new of PTRDIFF_MAX is null", ::operator new(huge, std::nothrow) == nullptr);
  static int calls = 0;
  std::set_new_handler([] {
    if (++calls == 3) std::set_new_handler(nullptr);
  });
  Check("new with a handler is null in the end", ::operator new(huge, std::nothrow) == nullptr);
  void* nothing = ::operator new(zero);  // its size is the library's choice
  Check("new of nothing is a block", nothing != nullptr);
  ::operator delete(nothing);
  std::printf("the new handler was called %d times\n", calls);
}

int main() {
  static char buffer[1 << 14];
  std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);  // stdio takes nothing from the heap
  constexpr struct {
    void (*call)();
    const char* name;
  } kCalls[] = {
      {CallMalloc, "CallMalloc"},
      {CallCalloc, "CallCalloc"},
      {CallRealloc, "CallRealloc"},
      {CallReallocArray, "CallReallocArray"},
      {CallMemalign, "CallMemalign"},
      {CallAlignedAlloc, "CallAlignedAlloc"},
      {CallPosixMemalign, "CallPosixMemalign"},
      {CallValloc, "CallValloc"},
      {CallPvalloc, "CallPvalloc"},
      {CallUsableSize, "CallUsableSize"},
      {CallNew, "CallNew"},
      {CallNewArray, "CallNewArray"},
  };
  Tally tallies[sizeof kCalls / sizeof *kCalls];
  size_t index = 0;
  for (const auto& [call, name] : kCalls) {
    tally = {};
    errno = kUntouched;
    call();
    tallies[index++] = tally;
  }
  CallFailingNew();
  std::printf("truth");
  index = 0;
  for (const auto& [call, name] : kCalls) tallies[index++].Print(name);
  std::printf("\n");
}

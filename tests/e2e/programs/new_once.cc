// new_once: C++ allocations only, to be counted once each whatever allocator is preloaded.
#include <new>

#include "samples/truth.h"

// Part of the standard; clang declares it only when told to call it itself.
void operator delete[](void*, std::size_t) noexcept;

static Tally scalar;
static Tally array;
static Tally aligned;

NAMED void NewScalar(size_t size) {
  void* p = ::operator new(size);
  scalar.Allocated(size);
  Escape(p);
  ::operator delete(p);
  scalar.Freed(size);
}

NAMED void NewArray(size_t size) {
  void* p = ::operator new[](size, std::nothrow);
  array.Allocated(size);
  Escape(p);
  ::operator delete[](p, size);
  array.Freed(size);
}

NAMED void NewAligned(size_t size) {
  void* p = ::operator new(size, std::align_val_t(128));
  aligned.Allocated(size);
  Escape(p);
  ::operator delete(p, std::align_val_t(128));
  aligned.Freed(size);
}

int main() {
  for (size_t i = 0; i < 300; ++i) {
    NewScalar(40 + i);
    NewArray(400 + i);
    NewAligned(128 * (30 + i));
  }
  std::printf("truth");
  scalar.Print("NewScalar");
  array.Print("NewArray");
  aligned.Print("NewAligned");
  std::printf("\n");
}

// truth.h: what every sample needs to know the truth about itself.
//
// A sample's last line is
//
//   truth [key=value ...] function=NAME key=value ... function=NAME key=value ...
//
// The keys after `function=NAME` are what the program counted, itself, about the heap calls made
// below the function of that name: allocations, bytes, frees, temporary, leaked_blocks,
// leaked_bytes. The keys before the first function are about the whole process, or about a lock
// (lock_truth.h).
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>

// The function keeps its frame and its name: it is neither inlined nor cloned.
#define NAMED __attribute__((noinline, used))

// The compiler must assume that `p` is looked at here, so the allocation stays in the program.
inline void Escape(void* p) { asm volatile("" : : "g"(p) : "memory"); }

// At the end of a NAMED function: what was called before this is not a tail call.
inline void EndOfFrame() { asm volatile("" : : : "memory"); }

// The program's argument `index`, or `fallback` where there is none.
inline size_t Argument(int argc, char** argv, int index, size_t fallback) {
  return index < argc ? std::strtoull(argv[index], nullptr, 0) : fallback;
}

// What a program counts about one of its functions.
struct Tally {
  size_t allocations = 0;
  size_t bytes = 0;
  size_t frees = 0;
  size_t freed_bytes = 0;

  void Allocated(size_t size) {
    ++allocations;
    bytes += size;
  }
  void Freed(size_t size) {
    ++frees;
    freed_bytes += size;
  }
  void Print(const char* function) const {
    std::printf(
        " function=%s allocations=%zu bytes=%zu frees=%zu leaked_blocks=%zu leaked_bytes=%zu",
        function, allocations, bytes, frees, allocations - frees, bytes - freed_bytes);
  }
};

// plain_heap: malloc, calloc, realloc and free of known numbers, without C++ in between, for a
// second opinion from valgrind.
#include <cstdint>

#include "samples/truth.h"

static Tally tally;

NAMED void UseHeap(size_t rounds) {
  uint32_t random = 1;
  void* held[64] = {};
  size_t sizes[64] = {};
  for (size_t i = 0; i < rounds; ++i) {
    random = random * 1664525 + 1013904223;
    const size_t slot = random >> 26;
    const size_t size = 1 + (random >> 8) % 3000;
    void* p = nullptr;
    switch (random >> 24 & 3) {
      case 0:
        p = std::malloc(size);
        break;
      case 1:
        p = std::calloc(1, size);
        break;
      default:
        p = std::realloc(held[slot], size);
        if (held[slot] != nullptr) tally.Freed(sizes[slot]);
        held[slot] = nullptr;
        break;
    }
    tally.Allocated(size);
    Escape(p);
    if (held[slot] != nullptr) {
      std::free(held[slot]);
      tally.Freed(sizes[slot]);
    }
    held[slot] = p;
    sizes[slot] = size;
  }
}

int main() {
  UseHeap(5000);
  static char buffer[1 << 12];
  std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  std::printf("truth");
  tally.Print("UseHeap");
  std::printf("\n");
}

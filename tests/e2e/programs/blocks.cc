// blocks: how blocks are aligned and how much of each may be used, all of it. The output must not depend on the agent:
// nothing is put before or behind a block.
#include <malloc.h>
#include <stdint.h>

#include <cstring>

#include "samples/truth.h"

static constexpr size_t kBlocks = 6000;
static unsigned char* blocks[kBlocks];
static size_t usable[kBlocks];

// How many low bits of the address are 0, of those that libc promises.
static size_t Alignment(const void* p, size_t promised) {
  return reinterpret_cast<uintptr_t>(p) % promised == 0 ? promised : 1;
}

// Writes to all that may be used.
static void Keep(size_t index, void* p) {
  Escape(p);
  blocks[index] = static_cast<unsigned char*>(p);
  usable[index] = malloc_usable_size(p);
  std::memset(p, static_cast<int>(index % 251), usable[index]);
}

// Larger than any block that was used and freed before main: what is usable of a block depends on its size alone.
static void Make(size_t index) {
  const size_t size = 2000 + index * 37 % 4099;
  Keep(index, index % 3 == 0 ? std::calloc(size, 1) : std::malloc(size));
  std::printf("%zu bytes: usable %zu, aligned to %zu\n", size, usable[index],
              Alignment(blocks[index], alignof(max_align_t)));
}

// What is usable of these depends on their neighbours.
static void MakeAligned(size_t index) {
  const size_t alignment = size_t{16} << index % 9;
  const size_t size = index * 37 % 4099;
  Keep(index, memalign(alignment, size));
  std::printf("%zu bytes: %s, aligned to %zu\n", size, usable[index] >= size ? "enough" : "too few",
              Alignment(blocks[index], alignment));
}

static bool Untouched(size_t index) {
  for (size_t i = 0; i < usable[index]; ++i) {
    if (blocks[index][i] != index % 251) return false;
  }
  return true;
}

int main() {
  static char buffer[1 << 16];
  std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  for (size_t i = 0; i < kBlocks / 2; ++i) Make(i);
  for (size_t i = kBlocks / 2; i < kBlocks; ++i) MakeAligned(i);
  size_t damaged = 0;
  for (size_t i = 0; i < kBlocks; ++i) damaged += Untouched(i) ? 0 : 1;
  std::printf("damaged %zu\n", damaged);
}

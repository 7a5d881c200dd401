// sized_free: free_sized and free_aligned_sized of C23, which programs find only where libc has them; else free. Both may
// be called for what malloc and its kin gave out, and with null.
#include "samples/truth.h"

extern "C" {
[[gnu::weak]] void free_sized(void*, size_t);
[[gnu::weak]] void free_aligned_sized(void*, size_t, size_t);
}

static Tally tally;

static void FreeSized(void* p, size_t size) {
  if (free_sized != nullptr) return free_sized(p, size);
  std::free(p);
}

static void FreeAlignedSized(void* p, size_t alignment, size_t size) {
  if (free_aligned_sized != nullptr) return free_aligned_sized(p, alignment, size);
  std::free(p);
}

NAMED void FreeBySize() {
  for (size_t size = 1; size <= 3000; size += 7) {
    void* p = size % 2 == 0 ? std::malloc(size) : std::calloc(size, 1);
    Escape(p);
    tally.Allocated(size);
    FreeSized(p, size);
    tally.Freed(size);
    void* aligned = std::aligned_alloc(64, size * 64);
    Escape(aligned);
    tally.Allocated(size * 64);
    FreeAlignedSized(aligned, 64, size * 64);
    tally.Freed(size * 64);
  }
  FreeSized(nullptr, 100);
  FreeAlignedSized(nullptr, 64, 640);
  EndOfFrame();
}

int main() {
  FreeBySize();
  std::printf("truth");
  tally.Print("FreeBySize");
  std::printf("\n");
}

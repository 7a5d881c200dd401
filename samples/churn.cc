// churn: temporary blocks (freed before anything else is allocated) beside blocks that live a
// little longer, at the same rate.
//
//   churn [ROUNDS [SIZE]]
#include "truth.h"

static Tally temporary;
static Tally rotating;

NAMED void MakeTemporary(size_t size) {
  void* p = std::malloc(size);
  temporary.Allocated(size);
  Escape(p);
  std::free(p);
  temporary.Freed(size);
}

// Frees the block before only after the new one exists: never temporary.
NAMED void* Rotate(void* before, size_t size) {
  void* p = std::malloc(size);
  rotating.Allocated(size);
  Escape(p);
  if (before != nullptr) {
    std::free(before);
    rotating.Freed(size);
  }
  return p;
}

int main(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 1, 20000);
  const size_t size = Argument(argc, argv, 2, 64);
  void* last = nullptr;
  for (size_t i = 0; i < rounds; ++i) last = Rotate(last, size);
  for (size_t i = 0; i < rounds; ++i) MakeTemporary(size);
  std::free(last);
  rotating.Freed(size);

  std::printf("truth");
  temporary.Print("MakeTemporary");
  std::printf(" temporary=%zu", temporary.allocations);
  rotating.Print("Rotate");
  std::printf(" temporary=0\n");
}

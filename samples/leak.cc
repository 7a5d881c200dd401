// leak: one function loses every block it allocates, its neighbour none.
//
//   leak [BLOCKS [SIZE]]
#include "truth.h"

static Tally leaked;
static Tally freed;

NAMED void LeakHere(size_t size) {
  void* p = std::malloc(size);
  leaked.Allocated(size);
  Escape(p);
}

NAMED void FreedHere(size_t size) {
  void* p = std::malloc(size);
  freed.Allocated(size);
  Escape(p);
  std::free(p);
  freed.Freed(size);
}

int main(int argc, char** argv) {
  const size_t blocks = Argument(argc, argv, 1, 1000);
  const size_t size = Argument(argc, argv, 2, 48);
  for (size_t i = 0; i < blocks; ++i) {
    LeakHere(size);
    FreedHere(size);
  }
  std::printf("truth");
  leaked.Print("LeakHere");
  freed.Print("FreedHere");
  std::printf("\n");
}

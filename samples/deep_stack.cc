// deep_stack: allocations below a recursion of known depth.
//
//   deep_stack [DEPTH [BLOCKS [SIZE]]]
#include "truth.h"

static Tally bottom;

NAMED void AllocateAtTheBottom(size_t blocks, size_t size) {
  for (size_t i = 0; i < blocks; ++i) {
    void* p = std::malloc(size);
    bottom.Allocated(size);
    Escape(p);
    std::free(p);
    bottom.Freed(size);
  }
}

NAMED void Descend(size_t depth, size_t blocks, size_t size) {
  if (depth > 1) {
    Descend(depth - 1, blocks, size);
  } else {
    AllocateAtTheBottom(blocks, size);
  }
  EndOfFrame();
}

int main(int argc, char** argv) {
  const size_t depth = Argument(argc, argv, 1, 100);
  const size_t blocks = Argument(argc, argv, 2, 1000);
  const size_t size = Argument(argc, argv, 3, 32);
  Descend(depth, blocks, size);
  std::printf("truth depth=%zu recursive=Descend", depth);
  bottom.Print("AllocateAtTheBottom");
  std::printf("\n");
}

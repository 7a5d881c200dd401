// many_stacks: one block from each of 2^LEVELS stacks, which is as many as there are ways through two functions that call
// each other or themselves. The further the way leads left, the larger.
//
//   many_stacks LEVELS
#include "samples/truth.h"

NAMED void Left(size_t levels, size_t size);
NAMED void Right(size_t levels, size_t size);

static void Go(size_t levels, size_t size) {
  if (levels == 0) {
    Escape(std::malloc(size));
  } else {
    Left(levels - 1, size * 2);
    Right(levels - 1, size + 1);
  }
}

NAMED void Left(size_t levels, size_t size) {
  Go(levels, size);
  EndOfFrame();
}
NAMED void Right(size_t levels, size_t size) {
  Go(levels, size);
  EndOfFrame();
}

int main(int argc, char** argv) { Go(Argument(argc, argv, 1, 13), 1); }

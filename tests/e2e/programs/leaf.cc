// leaf: what other programs exec. Allocates as many blocks as it is told, and says so and who it runs as.
//
//   leaf BLOCKS
#include <sys/auxv.h>
#include <unistd.h>

#include "samples/truth.h"

NAMED void AllocateInLeaf(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) Escape(std::malloc(48));
  EndOfFrame();
}

int main(int argc, char** argv) {
  const size_t blocks = Argument(argc, argv, 1, 0);
  AllocateInLeaf(blocks);
  std::printf("leaf %zu, user %d, effective %d, secure %lu\n", blocks, getuid(), geteuid(),
              getauxval(AT_SECURE));
}

// other_side: loaded by the program `sides`, so that it sees another malloc than the program does.
#include "tests/e2e/programs/guest.h"

extern "C" {

NAMED void* OtherSideAllocates(size_t size) {
  void* p = std::malloc(size);
  Escape(p);
  return p;
}
NAMED void OtherSideFrees(void* p) { std::free(p); }
NAMED void OtherSideWorks(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) AllocateAndLock(10 + i);
}

}  // extern "C"

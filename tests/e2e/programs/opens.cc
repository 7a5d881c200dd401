// opens: calls the functions that programs/library/interposer takes the place of.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "guest.h"

static Tally tally;

NAMED void AllocateInMain(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    void* p = std::malloc(64);
    tally.Allocated(64);
    Escape(p);
    std::free(p);
    tally.Freed(64);
  }
}

int main() {
  // What the program is given must be what the interposer made of it, in the same order.
  const char* shell = std::getenv("GUEST_WORD");
  std::printf("word %s\n", shell != nullptr ? shell : "none");
  const int zero = open("/dev/zero", O_RDONLY);
  const int null = openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
  std::printf("open %d openat %d\n", zero, null);
  void* map = mmap(nullptr, 12345, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::printf("mapped %d\n", map != MAP_FAILED);
  AllocateInMain(3000);
  KeptMutex().WaitInVain(7);
  close(zero);
  close(null);
  PrintDescriptors("at the end");
  std::fflush(stdout);
  std::printf("truth contended=7");
  tally.Print("AllocateInMain");
  std::printf("\n");
  std::fflush(stdout);
}

// sides: a library that resolves malloc past the program's scope, and so past the agent.
//
//   sides deepbind     RTLD_DEEPBIND: the same libc; blocks cross in both directions
//   sides namespace    dlmopen: a libc of its own; each side frees its own blocks
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "guest.h"

static Tally here;

struct OtherSide {
  void* (*allocate)(size_t);
  void (*free)(void*);
  void (*work)(size_t);
};

template <typename Function>
static void Find(void* handle, const char* name, Function* out) {
  *out = reinterpret_cast<Function>(dlsym(handle, name));
  if (*out == nullptr) std::abort();
}

static OtherSide Load(bool deep) {
  char self[PATH_MAX] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) std::exit(2);
  std::string path = self;
  path.replace(path.rfind('/'), std::string::npos, "/libother_side.so");
  void* handle = deep ? dlopen(path.c_str(), RTLD_NOW | RTLD_DEEPBIND)
                      : dlmopen(LM_ID_NEWLM, path.c_str(), RTLD_NOW);
  if (handle == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(2);
  }
  OtherSide side;
  Find(handle, "OtherSideAllocates", &side.allocate);
  Find(handle, "OtherSideFrees", &side.free);
  Find(handle, "OtherSideWorks", &side.work);
  return side;
}

NAMED void AllocateHere(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    void* p = std::malloc(100 + i);
    here.Allocated(100 + i);
    std::memset(p, 7, 100 + i);
    Escape(p);
    std::free(p);
    here.Freed(100 + i);
  }
}

// Returns how many blocks of the other side were freed here.
static size_t Cross(const OtherSide& side, size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    std::free(side.allocate(500 + i));
    side.free(std::malloc(500 + i));
    // The block's address is likely to be used again, on this side.
    std::free(std::malloc(500 + i));
  }
  return blocks;
}

int main(int argc, char** argv) {
  const bool deep = argc > 1 && std::strcmp(argv[1], "deepbind") == 0;
  const OtherSide side = Load(deep);
  side.work(200);
  side.free(side.allocate(1000));
  const size_t crossed = deep ? Cross(side, 50) : 0;
  AllocateHere(500);
  side.work(200);
  KeptMutex().WaitInVain(9);
  PrintDescriptors("at the end");
  std::printf("truth contended=9 crossed=%zu", crossed);
  here.Print("AllocateHere");
  std::printf("\n");
}

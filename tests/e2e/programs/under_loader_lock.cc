// under_loader_lock: loads and unloads libstarter.so, beside this program, a number of times.
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <string>

#include "guest.h"

static Tally tally;

NAMED void AllocateBetween(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    Escape(std::malloc(33));
    tally.Allocated(33);
  }
}

int main(int argc, char** argv) {
  char self[PATH_MAX] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 2;
  std::string path = self;
  path.replace(path.rfind('/'), std::string::npos, "/libstarter.so");
  const size_t rounds = Argument(argc, argv, 1, 20);
  size_t joined = 0;
  for (size_t i = 0; i < rounds; ++i) {
    void* handle = dlopen(path.c_str(), RTLD_NOW);
    if (handle == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 2;
    }
    AllocateBetween(10);
    if (reinterpret_cast<bool (*)()>(dlsym(handle, "JoinStarter"))()) ++joined;
    dlclose(handle);
  }
  PrintDescriptors("at the end");
  std::printf("truth joined=%zu", joined);
  tally.Print("AllocateBetween");
  std::printf("\n");
}

// dlopen_loop: two libraries are loaded, used and unloaded in turn, so that each is mapped where
// the other was. Their leaks outlive them.
//
//   dlopen_loop [DIRECTORY [ROUNDS [BLOCKS [SIZE]]]]
//
// DIRECTORY holds libplugin.so and libother.so; without it (or if empty) they are looked for beside the program.
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <string>

#include "truth.h"

struct Library {
  const char* file;
  const char* function;
  Tally tally;
};

// Where the function was. Every tenth block is leaked, the others are freed.
NAMED void* LoadAndUse(const std::string& directory, Library& library, size_t blocks, size_t size) {
  const std::string path = directory + "/" + library.file;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(2);
  }
  void* function = dlsym(handle, library.function);
  const auto allocate = reinterpret_cast<void* (*)(size_t)>(function);
  for (size_t i = 0; i < blocks; ++i) {
    void* p = allocate(size);
    library.tally.Allocated(size);
    if (i % 10 != 0) {
      std::free(p);
      library.tally.Freed(size);
    }
  }
  dlclose(handle);
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr) {
    std::fprintf(stderr, "%s stayed loaded\n", path.c_str());
    std::exit(2);
  }
  return function;
}

int main(int argc, char** argv) {
  std::string directory;
  if (argc > 1 && argv[1][0] != 0) {
    directory = argv[1];
  } else {
    char self[PATH_MAX] = {};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 2;
    directory = self;
    directory.resize(directory.rfind('/'));
  }
  const size_t rounds = Argument(argc, argv, 2, 100);
  const size_t blocks = Argument(argc, argv, 3, 20);
  const size_t size = Argument(argc, argv, 4, 100);

  Library plugin = {"libplugin.so", "PluginAllocate", {}};
  Library other = {"libother.so", "OtherAllocate", {}};
  size_t reused_pages = 0;
  for (size_t i = 0; i < rounds; ++i) {
    const auto first = reinterpret_cast<uintptr_t>(LoadAndUse(directory, plugin, blocks, size));
    const auto second = reinterpret_cast<uintptr_t>(LoadAndUse(directory, other, blocks, size));
    if (first / 4096 == second / 4096) ++reused_pages;
  }
  std::printf("truth rounds=%zu reused_pages=%zu", rounds, reused_pages);
  plugin.tally.Print(plugin.function);
  other.tally.Print(other.function);
  std::printf("\n");
}

// loads_late LIBRARY...: loads libraries that want thread-local memory in the space that the loader set aside for late comers,
// and says which could be loaded.
#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::printf("%s: %s\n", argv[i],
                dlopen(argv[i], RTLD_NOW | RTLD_LOCAL) != nullptr ? "loaded" : dlerror());
  }
}

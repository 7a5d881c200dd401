// who_allocates: says whether it is trusted with more than its caller, and whose malloc it has.
#include <dlfcn.h>
#include <sys/auxv.h>

#include <cstring>

#include "samples/truth.h"

int main() {
  for (size_t i = 0; i < 1000; ++i) Escape(std::malloc(1000));
  Dl_info library = {};
  dladdr(dlsym(RTLD_DEFAULT, "malloc"), &library);
  const char* slash = std::strrchr(library.dli_fname, '/');
  std::printf("secure %lu, malloc of %s, mallctl %d\n", getauxval(AT_SECURE),
              slash != nullptr ? slash + 1 : library.dli_fname,
              dlsym(RTLD_DEFAULT, "mallctl") != nullptr);
}

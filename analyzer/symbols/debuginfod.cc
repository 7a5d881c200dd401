#include "analyzer/symbols/debuginfod.h"

#include <dlfcn.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

constexpr char kLibrary[] = "libdebuginfod.so.1";
constexpr char kUrls[] = "DEBUGINFOD_URLS";

// As <elfutils/debuginfod.h> declares them.
struct Client;
using BeginFunction = Client* (*)();
using FindFunction = int (*)(Client*, const unsigned char* build_id, int size, char** path);

struct Library {
  BeginFunction begin = nullptr;
  FindFunction find = nullptr;
};

const Library& LoadedLibrary() {
  static const Library library = [] {
    Library loaded;
    void* handle = dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr) return loaded;
    loaded.begin = reinterpret_cast<BeginFunction>(dlsym(handle, "debuginfod_begin"));
    loaded.find = reinterpret_cast<FindFunction>(dlsym(handle, "debuginfod_find_debuginfo"));
    return loaded;
  }();
  return library;
}

}  // namespace

std::string WhyNoDebuginfod() {
  const char* urls = getenv(kUrls);
  if (urls == nullptr || urls[0] == '\0') return absl::StrCat(kUrls, " names no server");
  if (LoadedLibrary().begin == nullptr || LoadedLibrary().find == nullptr) {
    return absl::StrCat(kLibrary, " cannot be loaded; install libdebuginfod1");
  }
  return "";
}

int FetchDebugFile(const std::string& build_id, std::string* path) {
  if (build_id.empty() || !WhyNoDebuginfod().empty()) return -1;
  static Client* const client = LoadedLibrary().begin();
  if (client == nullptr) return -1;
  char* cached = nullptr;
  const int fd =
      LoadedLibrary().find(client, reinterpret_cast<const unsigned char*>(build_id.data()),
                           static_cast<int>(build_id.size()), &cached);
  if (fd >= 0 && cached != nullptr) *path = cached;
  free(cached);
  return fd >= 0 ? fd : -1;
}

}  // namespace perfagent

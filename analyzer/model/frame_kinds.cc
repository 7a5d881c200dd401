#include "analyzer/model/frame_kinds.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "analyzer/model/function_names.h"

namespace perfagent {
namespace {

constexpr const char* kPlumbingPrefixes[] = {
    "std::",        "__gnu_cxx::",
    "operator new", "operator delete",
    "__gthread_",   "absl::Mutex",
    "boost::mutex", "tbb::",
    "alloc::",      "core::",
    "__rust_",      "__rdl_",
    "hashbrown::",  "boost::container::",
};
constexpr const char* kPlumbingNames[] = {
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "free",
    "cfree",
    "free_sized",
    "strdup",
    "__strdup",
    "strndup",
    "__strndup",
    "pthread_mutex_lock",
    "pthread_mutex_trylock",
    "pthread_mutex_timedlock",
    "pthread_mutex_clocklock",
};

// Where a thread begins: on every stack, and never the place.
constexpr const char* kStartNames[] = {
    "__libc_start_call_main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "_start",
    "start_thread",
    "clone3",
    "__clone3",
    "clone",
};
// Wrappers that programs put around the allocator: zmalloc, sqlite3Malloc, g_realloc, xstrdup.
constexpr const char* kWrapperWords[] = {"malloc", "calloc", "realloc", "memalign", "strdup"};

bool IsWrapper(const std::string& function) {
  std::string name = QualifiedName(function);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return tolower(c); });
  return std::any_of(std::begin(kWrapperWords), std::end(kWrapperWords),
                     [&](const char* word) { return name.find(word) != std::string::npos; });
}

bool IsStart(const std::string& function) {
  return std::find(std::begin(kStartNames), std::end(kStartNames), function) !=
         std::end(kStartNames);
}

constexpr const char* kRuntimeFiles[] = {"libc.so", "ld-linux", "libstdc++.so", "libc-", "ld-2."};

}  // namespace

bool IsPlumbing(const std::string& function) {
  const std::string name = QualifiedName(function);
  return std::any_of(std::begin(kPlumbingNames), std::end(kPlumbingNames),
                     [&](const char* plumbing) { return name == plumbing; }) ||
         std::any_of(std::begin(kPlumbingPrefixes), std::end(kPlumbingPrefixes),
                     [&](const char* prefix) { return name.rfind(prefix, 0) == 0; });
}

bool IsOwnCode(const std::string& function) { return !IsPlumbing(function) && !IsStart(function); }

bool IsNameless(const SourceFrame& frame) {
  return frame.file.empty() &&
         (frame.function.find("+0x") != std::string::npos || frame.function.starts_with("0x"));
}

bool IsRuntimeModule(const std::string& path) {
  const std::string name = BaseName(path);
  return std::any_of(std::begin(kRuntimeFiles), std::end(kRuntimeFiles),
                     [&](const char* known) { return name.starts_with(known); });
}

bool IsAgentModule(const std::string& path) {
  return BaseName(path).rfind("libperfagent.so", 0) == 0;
}

int PlaceRank(const SourceFrame& frame) {
  if (IsPlumbing(frame.function) || IsStart(frame.function)) return 0;
  if (IsRuntimeModule(frame.module)) return 1;
  if (IsNameless(frame)) return 2;
  return IsWrapper(frame.function) ? 3 : kBestPlaceRank;
}

}  // namespace perfagent

#include "analyzer/model/frame_kinds.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>

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

bool HasPlumbingPrefix(std::string_view name) {
  return std::any_of(std::begin(kPlumbingPrefixes), std::end(kPlumbingPrefixes),
                     [&](const char* prefix) { return name.starts_with(prefix); });
}

// Where the brackets end that the name begins with; npos: nowhere. The arrow of a function's type ends none.
size_t EndOfBrackets(std::string_view name) {
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>' && name[i - 1] != '-' && --depth == 0) return i;
  }
  return name.npos;
}

// Rust's methods are named by their type, "<alloc::vec::Vec<T>>::push", and those of a trait by both, "<app::Cache as
// core::ops::Drop>::drop". A method of a type that has no path (a slice, a type parameter) is the trait's; without a trait it
// is the standard library's, since nobody else can give it any.
bool IsRustPlumbing(std::string_view name) {
  const size_t end = name.starts_with('<') ? EndOfBrackets(name) : name.npos;
  if (end == name.npos) return false;
  std::string_view type = name.substr(1, end - 1), trait;
  constexpr std::string_view kAs = " as ";
  if (const size_t as = type.find(kAs); as != type.npos) {
    trait = type.substr(as + kAs.size());
    type = type.substr(0, as);
  }
  for (const std::string_view wrapping : {"&", "mut ", "dyn "}) {
    while (type.starts_with(wrapping)) type.remove_prefix(wrapping.size());
  }
  const bool has_path = type.substr(0, type.find_first_of("<[(*")).find("::") != type.npos;
  if (has_path) return HasPlumbingPrefix(type);
  return trait.empty() || HasPlumbingPrefix(trait);
}

constexpr const char* kRuntimeFiles[] = {"libc.so", "ld-linux", "libstdc++.so", "libc-", "ld-2."};

}  // namespace

bool IsPlumbing(const std::string& function) {
  const std::string name = QualifiedName(function);
  return std::any_of(std::begin(kPlumbingNames), std::end(kPlumbingNames),
                     [&](const char* plumbing) { return name == plumbing; }) ||
         HasPlumbingPrefix(name) || IsRustPlumbing(name);
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

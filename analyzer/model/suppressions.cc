#include "analyzer/model/suppressions.h"

#include <algorithm>
#include <iterator>

#include "analyzer/model/frame_kinds.h"
#include "analyzer/model/function_names.h"

namespace perfagent {
namespace {

struct Pattern {
  const char* function;  // begins the qualified name of any frame
  const char* reason;
};

constexpr Pattern kPatterns[] = {
    {"_GLOBAL__sub_I_eh_alloc", "libstdc++'s emergency pool for exceptions"},
    {"_GLOBAL__sub_I__ZN9__gnu_cxx9__freeres", "libstdc++'s emergency pool for exceptions"},
    {"__gnu_cxx::__freeres", "libstdc++'s emergency pool for exceptions"},
    {"(anonymous namespace)::pool::pool", "libstdc++'s emergency pool for exceptions"},
    {"__gnu_cxx::(anonymous namespace)::pool::pool", "libstdc++'s emergency pool for exceptions"},
    {"_IO_file_doallocate", "buffer of an open stdio stream"},
    {"_IO_wfile_doallocate", "buffer of an open stdio stream"},
    {"_dl_new_object", "the dynamic linker's record of a loaded object"},
    {"_dl_map_object", "the dynamic linker's record of a loaded object"},
    {"_dl_allocate_tls", "thread-local storage of a thread"},
    {"__tls_get_addr", "thread-local storage of a thread"},
    {"tls_get_addr_tail", "thread-local storage of a thread"},
    {"_dl_init_paths", "the dynamic linker's search paths"},
    {"_dl_scope_free", "the dynamic linker's list of scopes to free"},
    {"add_to_global", "the dynamic linker's global scope"},
    {"dl_open_worker", "the dynamic linker's record of a loaded object"},
    {"tzset_internal", "libc's time zone"},
    {"__tzfile_read", "libc's time zone"},
    {"__tzstring", "libc's time zone"},
    {"__new_exitfn", "libc's list of atexit functions"},
    {"_nl_load_locale", "libc's locale"},
    {"_nl_find_locale", "libc's locale"},
    {"_nl_intern_locale_data", "libc's locale"},
    {"__gconv_", "libc's character set conversion"},
    {"__nss_", "libc's name service switch"},
    {"nss_action_", "libc's name service switch"},
    {"__res_context", "libc's resolver"},
};

bool BeginsWith(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

const char* MatchName(const std::string& function) {
  std::string name = QualifiedName(function);
  // libc's own names for its functions, where its debug information is installed.
  constexpr std::string_view kInternal = "__GI_";
  if (name.starts_with(kInternal)) name.erase(0, kInternal.size());
  const auto found = std::find_if(std::begin(kPatterns), std::end(kPatterns), [&](Pattern pattern) {
    return BeginsWith(name, pattern.function);
  });
  return found == std::end(kPatterns) ? nullptr : found->reason;
}

// A stripped libstdc++ does not name its initializer: it is the code of libstdc++ that the dynamic
// linker called.
bool IsInitializerOfLibstdcxx(const Process& process, StackId stack, const StackNames& names) {
  const std::vector<Frame> frames = process.Frames(stack);
  const auto outside = std::find_if(frames.begin(), frames.end(), [&](const Frame& frame) {
    return !BeginsWith(BaseName(names.ModulePath(frame)), "libstdc++.so");
  });
  if (outside == frames.begin() || outside == frames.end()) return false;
  const std::string caller = BaseName(names.ModulePath(*outside));
  return BeginsWith(caller, "ld-linux") || BeginsWith(caller, "ld-2.");
}

}  // namespace

const char* SuppressionOf(const Process& process, StackId stack, StackNames* names) {
  if (IsInitializerOfLibstdcxx(process, stack, *names)) {
    return "libstdc++'s emergency pool for exceptions";
  }
  // Names cost time, and the patterns are of the C and C++ runtimes: frames elsewhere are looked
  // up only near the leaf, where a runtime that was linked statically would be, and by the symbol
  // table alone: a program's debug information may be large, and most of what lives is not printed.
  constexpr size_t kAnyModule = 2;
  size_t depth = 0;
  for (const Frame& frame : process.Frames(stack)) {
    const bool is_runtime = IsRuntimeModule(names->ModulePath(frame));
    if (depth++ >= kAnyModule && !is_runtime) continue;
    if (!is_runtime) {
      if (const char* reason = MatchName(names->SymbolName(frame))) return reason;
      continue;
    }
    for (const SourceFrame& source : *names->FramesAt(frame)) {
      if (const char* reason = MatchName(source.function)) return reason;
    }
  }
  return nullptr;
}

void Suppress(const Process& process, StackNames* names, HeapProfile* profile) {
  for (HeapSite& site : profile->sites) {
    if (site.metrics.live_blocks.seen() == 0) continue;
    site.suppressed_by = SuppressionOf(process, site.stack, names);
    if (site.suppressed_by == nullptr) continue;
    site.metrics.leaked_bytes = {};
    site.metrics.leaked_blocks = {};
    site.evidence.history.ForgetLeaks();
  }
  profile->SumLeaks();
}

}  // namespace perfagent

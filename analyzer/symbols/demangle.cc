#include "analyzer/symbols/demangle.h"

// Otherwise libiberty.h declares basename() in a way that contradicts <cstring>.
#define HAVE_DECL_BASENAME 1
#include <libiberty/demangle.h>

#include <algorithm>
#include <cctype>
#include <csetjmp>
#include <cstring>
#include <string_view>

namespace perfagent {
namespace {

constexpr size_t kMaxMangledBytes = 4096;
constexpr size_t kMaxSourceBytes = 16384;  // the longest names of real template libraries are half

// Where the demangler prints. It cannot be asked to stop, so the sink leaves by longjmp; both
// demanglers keep their working memory on the stack (Rust's punycode buffer alone would leak).
struct Sink {
  jmp_buf too_long;
  size_t size;
  char text[kMaxSourceBytes];
};

void Append(const char* text, size_t size, void* opaque) {
  Sink* sink = static_cast<Sink*>(opaque);
  if (size > kMaxSourceBytes - sink->size) longjmp(sink->too_long, 1);
  memcpy(sink->text + sink->size, text, size);
  sink->size += size;
}

using Demangler = int (*)(const char*, int, demangle_callbackref, void*);

bool Print(Demangler demangler, const char* name, Sink* sink) {
  sink->size = 0;
  if (setjmp(sink->too_long) != 0) return false;
  // Without DMGL_NO_RECURSE_LIMIT: libiberty bounds its own recursion.
  return demangler(name, DMGL_PARAMS | DMGL_ANSI, Append, sink) != 0 && sink->size > 0;
}

// "::h0123456789abcdef", which legacy Rust appends and libiberty leaves where a suffix follows.
constexpr size_t kRustHashBytes = 19;

bool EndsInRustHash(std::string_view name) {
  if (name.size() <= kRustHashBytes) return false;
  std::string_view hash = name.substr(name.size() - kRustHashBytes);
  return hash.substr(0, 3) == "::h" && std::all_of(hash.begin() + 3, hash.end(), [](char c) {
           return std::isxdigit(static_cast<unsigned char>(c)) != 0;
         });
}

}  // namespace

std::string Demangle(const std::string& name) {
  if (name.size() < 3 || name.size() > kMaxMangledBytes || name[0] != '_') return name;
  Sink sink;
  // Rust first: a legacy Rust name is a valid C++ name too, with an unreadable result.
  if (!Print(rust_demangle_callback, name.c_str(), &sink) &&
      !Print(cplus_demangle_v3_callback, name.c_str(), &sink)) {
    return name;
  }
  std::string_view source(sink.text, sink.size);
  if (EndsInRustHash(source)) source.remove_suffix(kRustHashBytes);
  return std::string(source);
}

}  // namespace perfagent

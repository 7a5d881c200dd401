#include "analyzer/model/size_classes.h"

namespace perfagent {

SizeClasses SizeClassesOf(std::string_view allocator_path) {
  const std::string_view name = allocator_path.substr(allocator_path.rfind('/') + 1);
  if (name.starts_with("libc.so") || name.starts_with("libc-2")) return SizeClasses::kGlibc;
  if (name.starts_with("libjemalloc")) return SizeClasses::kJemalloc;
  if (name.starts_with("libtcmalloc")) return SizeClasses::kTcmalloc;
  return SizeClasses::kUnknown;
}

const char* Name(SizeClasses classes) {
  switch (classes) {
    case SizeClasses::kGlibc:
      return "glibc";
    case SizeClasses::kJemalloc:
      return "jemalloc";
    case SizeClasses::kTcmalloc:
      return "tcmalloc";
    default:
      return "unknown";
  }
}

}  // namespace perfagent

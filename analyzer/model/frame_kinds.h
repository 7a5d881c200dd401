// frame_kinds.h: what sort of code a frame is of.
#pragma once

#include <string>

#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

// Of libc, libstdc++ or the dynamic linker, which every C and C++ program has and nobody calls their own; by a module's path.
inline bool IsRuntimeModule(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const char* known : {"libc.so", "ld-linux", "libstdc++.so", "libc-", "ld-2."}) {
    if (name.starts_with(known)) return true;
  }
  return false;
}

// "libx.so+0x1234", "0x7f0012345678".
inline bool IsNameless(const SourceFrame& frame) {
  return frame.file.empty() &&
         (frame.function.find("+0x") != std::string::npos || frame.function.starts_with("0x"));
}

}  // namespace perfagent

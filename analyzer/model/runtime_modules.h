// runtime_modules.h: the libraries that every C and C++ program has, and nobody calls their own.
#pragma once

#include <string>

namespace perfagent {

// libc, libstdc++ and the dynamic linker, by a module's path.
inline bool IsRuntimeModule(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const char* known : {"libc.so", "ld-linux", "libstdc++.so", "libc-", "ld-2."}) {
    if (name.starts_with(known)) return true;
  }
  return false;
}

}  // namespace perfagent

// demangle.h: linker names to source names, for C++ and Rust (legacy and v0).
#pragma once

#include <string>

namespace perfagent {

// "_ZN3foo3barEi" -> "foo::bar(int)"; clones read "foo() [clone .cold]"; Rust's hash is dropped. A
// name that is not mangled comes back as it is, and so does one whose source name would be
// unreasonable: names come from hostile files, and a few back references expand to gigabytes.
std::string Demangle(const std::string& name);

}  // namespace perfagent

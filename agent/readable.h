// readable.h: may memory be read without a fault? Asks the kernel: no descriptor, no lock, no effect but pages present.
//
// Threads, signals: safe anywhere.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/sandbox.h"
#include "agent/sys.h"

namespace perfagent {

inline constexpr uintptr_t kPageBytes = 4096;

// Is the page of `address` readable? "No" when the kernel may not be asked.
inline bool Readable(uintptr_t address) {
  if (!sandbox::MayAdvise()) return false;
  void* page = reinterpret_cast<void*>(address & ~(kPageBytes - 1));
  return sys::Advise(page, kPageBytes, MADV_POPULATE_READ) == 0;
}

inline bool Readable(const void* begin, size_t bytes) {
  const auto first = reinterpret_cast<uintptr_t>(begin) & ~(kPageBytes - 1);
  const uintptr_t end = reinterpret_cast<uintptr_t>(begin) + bytes;
  for (uintptr_t page = first; page < end; page += kPageBytes) {
    if (!Readable(page)) return false;
  }
  return true;
}

}  // namespace perfagent

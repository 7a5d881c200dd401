// dump_header.h: what the header of every dump says, whoever writes it.
#pragma once

#include <atomic>

#include "perfagent/dump_format.h"

namespace perfagent {

// That it is a dump of this format, and the sizes that the format has. The magic last: a file without it is none yet.
// Threads: one. Signals: safe.
inline void SetFormat(HeaderPage* header) {
  header->version_major = kVersionMajor;
  header->version_minor = kVersionMinor;
  header->machine = kMachineX86_64;
  header->header_bytes = kHeaderBytes;
  header->segment_bytes = kSegmentBytes;
  header->page_bytes = 4096;
  std::atomic_signal_fence(std::memory_order_release);
  header->magic = kDumpMagic;
}

}  // namespace perfagent

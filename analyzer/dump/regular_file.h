// regular_file.h: opens files whose names nobody vouches for: a dump names modules, and a directory
// of dumps may hold anything.
#pragma once

#include <cstdint>
#include <string>

namespace perfagent {

struct RegularFile {
  int fd = -1;  // the caller's to close; -1: see problem
  uint64_t size_bytes = 0;
  std::string problem;
};

// Looks before it opens: a FIFO would block, the opening of a device may act (a watchdog, a tape),
// and what is read from the kernel's own files, such as /proc/kmsg, is gone for others. Follows
// symbolic links.
RegularFile OpenRegularFile(const std::string& path);

}  // namespace perfagent

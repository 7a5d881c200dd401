// heaptrack_import.h: heaptrack's own recordings, read as dumps.
//
// An interpreted file of heaptrack 1.3 and later (file format version 3; plain, .gz or .zst) has every allocation with its
// size and stack, and every free, without addresses, threads or locks. Its events become those of a dump with made up
// addresses. What heaptrack says is kept: which frees were temporary, and the names of functions.
//
//   + index      a block of that size and stack begins, at an address of its own
//   - index      of those blocks the one that began last ends: which one it was is not recorded
//   c ms         events are between such lines, some 10 ms apart: their times are evenly spaced
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/dump/dump_file.h"
#include "analyzer/model/process.h"

namespace perfagent {

struct ImportedDump {
  DumpFile file;
  FrameNames names;
  std::string recorder;             // "heaptrack 1.4.0"
  std::vector<std::string> damage;  // what of it could not be read
};

// Does the file at `path` begin as one of heaptrack's, once it is unpacked?
bool LooksLikeHeaptrack(const std::string& path);

// Nullopt when it cannot be used; *error then says why, in one line. The dump is a temporary file without a name.
std::optional<ImportedDump> ImportHeaptrack(const std::string& path, std::string* error);

}  // namespace perfagent

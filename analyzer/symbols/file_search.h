// file_search.h: finds the ELF file of a recorded module, and its separate debug file.
//
// elfutils has a search of its own; this one stands in its place, because that one asks debuginfod
// servers (build ids of a customer's programs must not leave the machine unasked), and opens
// whatever has the right name: a FIFO of that name would hang the report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace perfagent {

// Where files are looked for. Below `sysroot`, which may be empty, they lie as on the recorded machine.
struct SearchPaths {
  std::string sysroot;
  std::vector<std::string> debug_paths;
  bool debuginfod = false;  // last of all, servers are asked
};

// A file that was found, or why not. The descriptor is the caller's to close.
struct FoundFile {
  int fd = -1;
  uint64_t size_bytes = 0;
  std::string path;
  std::string build_id;  // the file's own, raw bytes
  std::string problem;   // when fd < 0: what is wrong with it
  bool is_another_build = false;
};

// The file that was loaded from `path`: that file, below the sysroot first, if its build id is `build_id`
// (raw bytes; empty accepts any), else one with that build id below a debug path, the sysroot's
// /usr/lib/debug or /usr/lib/debug, which may be a debug file: it has every symbol too.
FoundFile FindModuleFile(const std::string& path, const std::string& build_id,
                         const SearchPaths& paths);

struct DebugFileQuery {
  std::string module_path;
  std::string build_id;   // of the module; raw bytes, may be empty
  std::string link;       // .gnu_debuglink's file name, may be empty
  uint32_t link_crc = 0;  // CRC-32 of the whole debug file
};

// The separate debug file, by build id, then by debug link; fd < 0 when there is none. `problem` then
// names one that stood in its place and is another build's.
FoundFile FindDebugFile(const DebugFileQuery& query, const SearchPaths& paths);

// The file that several debug files share (dwz's .gnu_debugaltlink), whose build id is `build_id`.
// `link` is a path, relative to the directory of `debug_file`.
FoundFile FindSharedDebugFile(const std::string& link, const std::string& build_id,
                              const std::string& debug_file, const SearchPaths& paths);

}  // namespace perfagent

// symbolizer.h: addresses of a recorded process become functions, files, lines and inlined frames.
//
// Input is hostile: module paths come out of a dump, and what lies at such a path may be anything.
// Only regular files are opened, only the file whose build id was recorded is believed, nothing here
// contacts a network unasked (see debuginfod.h), and a child process reads the files (see symbol_process.h).
// What could not be symbolized well is in Problems().
//
// A file is opened once, however many processes mapped it and wherever, and each of its addresses
// is looked up once. Names come out of these files unchanged but for demangling: who prints them
// escapes them.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace perfagent {

// A loaded object. `bias` is an address in the process minus the same address in the file's symbol
// table (link_map's l_addr). `build_id` is raw bytes; when it is empty, the file at `path` is
// believed as it is.
struct ModuleImage {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t bias = 0;
  std::string build_id;
  std::string path;
};

// `function` is never empty: "libx.so+0x1234" (an address for addr2line) or "0x7f0012345678" where
// no name is known. `file` is empty and `line` 0 when unknown; a file with line 0 is code that the
// compiler made up. `module` is the recorded path, empty outside every module.
struct SourceFrame {
  std::string function;
  std::string file;
  int line = 0;
  std::string module;
  bool inlined = false;

  friend bool operator==(const SourceFrame&, const SourceFrame&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const SourceFrame& frame) {
    return H::combine(std::move(hash), frame.function, frame.file, frame.line, frame.module,
                      frame.inlined);
  }
};

// Directories searched besides /usr/lib/debug, as gdb's debug-file-directory: DIR/.build-id/xx/...,
// DIR/usr/bin/prog.debug by debug link, and DIR/prog if its build id is the recorded one.
struct SymbolizerOptions {
  std::vector<std::string> debug_paths;
  bool in_this_process = false;  // for fuzzing: files are read here, without limits
  unsigned cpu_seconds = 60;     // of the child for one question
  uint64_t memory_bytes = 0;     // of the child; 0: half of the machine's
  std::string sysroot = {};      // a module's file is DIR/its/path first of all
  bool debuginfod = false;       // ask the servers of DEBUGINFOD_URLS for what is not found
};

class Symbolizer {
 public:
  explicit Symbolizer(const SymbolizerOptions& options);
  ~Symbolizer();
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;

  // Begins the process that reads files, which the first question would do otherwise: before dumps are read, while this
  // process is small. Forked later it would share hundreds of megabytes, and each of their pages would be copied when
  // it is written to next.
  void Start();

  // Its process begins to read the file, as if it had been asked about the address, while this one does something else.
  void ReadAhead(const ModuleImage& module, uint64_t address);

  // The frames of one code address, innermost inlined frame first; never empty. The caller has
  // already turned a return address into an address of the call (minus one). `module` may be null.
  std::vector<SourceFrame> Resolve(const ModuleImage* module, uint64_t address);

  // The function of a code address by its module's symbol table alone, without debug information, which
  // may be large; empty when the table does not know.
  std::string SymbolName(const ModuleImage& module, uint64_t address);

  // The name of a static object: "global_mutex", or "cache+0x40"; empty when no data symbol of the
  // module covers the address.
  std::string ResolveData(const ModuleImage& module, uint64_t address);

  // One line for each module seen so far that could not be symbolized well, and why.
  std::vector<std::string> Problems() const;

 private:
  struct State;

  std::unique_ptr<State> state_;
};

}  // namespace perfagent

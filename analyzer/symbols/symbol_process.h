// symbol_process.h: a child process that reads ELF files, so that what they do to it stays there.
//
//   analyzer ── question ──► child: SymbolFiles, libdw
//            ◄── answer ───
//
// Debug information may be hostile, and libdw believes much of it: a line table of some hundred KB asks
// for all the memory there is. The child has limits of memory and time, opens nothing for writing (but for debuginfod's cache) and
// dies with its parent; its answers are checked as any input is. A child that fails took with it what it
// had read of other files: the next one reads these again.
//
// Threads: one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "analyzer/symbols/symbol_files.h"

namespace perfagent {

struct SymbolLimits {
  unsigned cpu_seconds = 60;  // for one question; the first about a file reads the file
  uint64_t memory_bytes = 0;  // 0: half of the machine's
};

class SymbolProcess {
 public:
  SymbolProcess(SearchPaths paths, SymbolLimits limits);
  ~SymbolProcess();
  SymbolProcess(const SymbolProcess&) = delete;
  SymbolProcess& operator=(const SymbolProcess&) = delete;

  // Begins the child, if there is none. What prevents it the next question says, which tries again.
  void Start();
  // The child, if there is one, begins to read what the question needs; its answer is not waited for, and nobody's. Left out
  // where too many questions are not answered yet.
  void AskAhead(const SymbolQuestion& question);
  // Nullopt when the child failed; *failure then says how: "took more than 60 s".
  std::optional<SymbolAnswer> Ask(const SymbolQuestion& question, std::string* failure);

 private:
  using FileKey = std::pair<std::string, std::string>;  // path, build id

  bool Fork(std::string* failure);
  // Takes the answers to what was asked ahead.
  void TakeAhead();
  [[noreturn]] void Serve(int socket) const;
  // Ends the child and says how it ended.
  std::string Stop();

  SearchPaths paths_;
  SymbolLimits limits_;
  std::deque<FileKey> ahead_;              // asked about, and not answered yet
  std::map<FileKey, std::string> failed_;  // when they were read ahead, and how
  pid_t child_ = -1;
  int socket_ = -1;
};

}  // namespace perfagent

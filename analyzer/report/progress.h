// progress.h: how far long work has come, on stderr when that is a terminal.
//
// Nothing is shown in the first 500 ms, then at most ten times a second; the line is cleared at the
// end. Threads: one.
#pragma once

#include <cstdint>
#include <string>

namespace perfagent {

class Progress {
 public:
  Progress(const std::string& what, uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(uint64_t done);

 private:
  std::string what_;
  uint64_t total_;
  bool enabled_;
  bool shown_ = false;
  uint64_t next_ns_;
};

}  // namespace perfagent

// runs.h: which dumps are of one run?
//
// A run is a process with all that it started: what forked workers or a shell's commands do varies from run to run
// together. A dump belongs to the run of the process that its parent's pid names, if that one lived when it began; or, of
// its own pid, of another program that it has replaced (exec). Whose parent left no dump begins a run of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace perfagent {

// What of a dump's header says so.
struct ProcessOrigin {
  std::string host;
  std::string executable;
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  uint64_t start_ns = 0;         // of the epoch
  uint64_t end_ns = UINT64_MAX;  // known only of a process that exited
};

// For each process the number of its run, from 0 on.
std::vector<size_t> RunsOf(std::span<const ProcessOrigin> processes);

}  // namespace perfagent

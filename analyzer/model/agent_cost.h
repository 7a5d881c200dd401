// agent_cost.h: what the agent itself cost the program, as it measured.
#pragma once

#include <cstdint>

namespace perfagent {

struct AgentCost {
  uint64_t slow_path_ns = 0;  // in slow paths; stretches in which the thread did not run left out
  uint64_t cpu_ns = 0;        // of the process, the agent's included, as last read; 0: never
  uint64_t bytes_written = 0;
  uint64_t free_lookups = 0;  // frees that the filter could not rule out, of blocks not tracked
  // Of stacks that were walked by interpreting unwind programs, because rules do not express a frame of theirs.
  uint64_t whole_walk_frames = 0;

  void Merge(const AgentCost& other) {
    slow_path_ns += other.slow_path_ns;
    cpu_ns += other.cpu_ns;
    bytes_written += other.bytes_written;
    free_lookups += other.free_lookups;
    whole_walk_frames += other.whole_walk_frames;
  }
  // Of the CPU time; 0 when that is not known.
  double Share() const {
    return cpu_ns == 0 ? 0 : static_cast<double>(slow_path_ns) / static_cast<double>(cpu_ns);
  }
};

}  // namespace perfagent

// resident.h: what the process's resident memory consists of.
//
// The kernel counts pages, the agent blocks. The sum of the parts is what the kernel says; what no part explains is said to
// be unexplained. Blocks that were never touched are no pages: then the heap as the program asked for it is larger than all
// anonymous memory.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/model/heap_profile.h"

namespace perfagent {

// Bytes.
struct Resident {
  uint64_t time_ns = 0;
  double total = 0;
  double live = 0;      // asked for by the blocks that live, as far as it can be resident
  double rounding = 0;  // what the allocator rounded them up by
  // Anonymous memory beside these: what the allocator has and nobody uses, stacks, static data, the agent's tables.
  double unexplained = 0;
  double file = 0;       // code and mapped files
  double shared = 0;     // memory shared with others
  double dump = 0;       // the recording itself
  double untouched = 0;  // of the live blocks, not resident; no part of the sum
};

// At the process's end; nullopt where it was not looked at.
std::optional<Resident> ResidentAtEnd(const HeapProfile& heap);

}  // namespace perfagent

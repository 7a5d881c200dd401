// live_definitions.h: what a dump that is being written has defined so far.
//
// Stacks are kept as they were recorded. Of the few that are to be named a Process is made at each look, which costs as
// much as they do and not as much as all that there are.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "analyzer/dump/clock_map.h"
#include "analyzer/model/process.h"
#include "perfagent/records.h"

namespace perfagent {

class LiveDefinitions {
 public:
  void Add(uint32_t stream, const Record& record);

  ClockMap ClockOf(const HeaderPage& header) const { return ClockMap(header, readings_); }
  // With these stacks, by their numbers in the dump, and no others.
  Process MakeProcess(std::span<const uint64_t> stacks, ProcessFacts facts,
                      const ClockMap& clock) const;

 private:
  struct Definition {
    uint64_t parent;
    uint64_t epoch;
    uint64_t flags;
    uint64_t first_pc;
    uint64_t count;
  };
  // By the first stack that they define.
  using Definitions = std::map<uint64_t, Definition>;

  void Add(const StackRecord& record);
  Definitions::const_iterator Find(uint64_t stack) const;

  ProcessBuilder others_;  // all but stacks
  Definitions stacks_;
  std::vector<uint64_t> pcs_;
  std::vector<ClockRecord> readings_;
};

}  // namespace perfagent

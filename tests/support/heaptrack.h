// heaptrack.h: a second opinion. Runs a program under heaptrack 1.4 and counts, from the events in
// its file (exact, where heaptrack_print rounds), what our report says too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace perfagent::test {

// What was allocated with one size at one place, leaf first.
struct HeaptrackSite {
  uint64_t size = 0;
  std::vector<std::string> functions;
  std::vector<std::string> modules;
  int64_t allocations = 0;
  int64_t frees = 0;

  int64_t LiveBlocks() const { return allocations - frees; }
  bool IsBelow(const std::string& function) const;
  std::string Describe() const;
};

struct HeaptrackEvent {
  bool is_free;
  uint32_t site;
};

struct HeaptrackProfile {
  std::vector<HeaptrackSite> sites;
  std::vector<HeaptrackEvent> events;
  uint64_t temporary = 0;  // as heaptrack_interpret counted them, on addresses
  ProcessResult process;

  // Without the sites for which `ignored` (by index) is true.
  struct Totals {
    uint64_t allocations = 0;
    uint64_t bytes = 0;
    uint64_t frees = 0;
    uint64_t peak_bytes = 0;
    uint64_t leaked_bytes = 0;
    uint64_t leaked_blocks = 0;
  };
  Totals Sum(const std::vector<bool>& ignored) const;
};

// Throws when heaptrack fails.
HeaptrackProfile RunHeaptrack(const std::vector<std::string>& argv, ProcessOptions options = {});

}  // namespace perfagent::test

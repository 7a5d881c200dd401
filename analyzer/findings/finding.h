// finding.h: what the evidence of a profile comes to, said so that something can be done about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/model/estimate.h"
#include "analyzer/model/ids.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

enum class Confidence { kLow, kMedium, kHigh };

inline const char* Name(Confidence confidence) {
  return confidence == Confidence::kHigh     ? "high"
         : confidence == Confidence::kMedium ? "medium"
                                             : "low";
}

// What a finding accuses, and only that: a lock, the allocator, or a stack that allocates.
struct Where {
  std::string lock = {};  // its name; empty where it is none
  uint64_t address = 0;   // of the lock; 0 in a finding of several processes
  std::string lock_anywhere =
      {};  // SharedLockName: what the like lock of another process is called, too
  // Leaf first, and the first of them that is the program's own. As long-lived as the names that they are from.
  std::vector<const SourceFrame*> stack = {};
  std::optional<StackId> site = {};    // whose stack that is, in a finding of one process
  const SourceFrame* place = nullptr;  // null where nothing is known of the stack

  std::string allocator = {};  // the library that it is in; empty where it is not accused

  bool IsLock() const { return !lock.empty(); }
};

// What is gained at most, in numbers: what several processes gain adds up. Of a finding only those that it knows.
struct Gains {
  std::optional<Estimate> time_ns = {};  // the program's CPU time, or its threads' waits
  std::optional<Estimate> memory_bytes = {};
  std::optional<Estimate> copied_bytes = {};
  std::optional<Estimate> calls =
      {};  // that are not made: of the allocator, tries of a lock, wakes
  std::optional<Estimate> growth_bytes_per_hour = {};
};
struct GainName {
  const char* key;
  std::optional<Estimate> Gains::*amount;
};
inline constexpr GainName kGainNames[] = {
    {"time_ns", &Gains::time_ns},
    {"memory_bytes", &Gains::memory_bytes},
    {"copied_bytes", &Gains::copied_bytes},
    {"calls", &Gains::calls},
    {"growth_bytes_per_hour", &Gains::growth_bytes_per_hour},
};

// What the stake of a finding is a part of.
enum class StakeIn { kTime, kMemory };

// Where else the same was found, of a finding that stands for those of several processes (merged_findings.h).
struct Spread {
  size_t processes = 0;      // in which it was found
  size_t all_processes = 0;  // that were looked at
  uint32_t pid = 0;          // of the one that all but the gains is about
  std::string dump = {};
};

struct Finding {
  const char* kind = "";
  std::string title;
  Where where;
  std::vector<std::string> evidence;
  std::string gain;
  std::string remedy;
  Gains gains = {};
  Confidence confidence = Confidence::kMedium;
  // What is at stake, as a part of what the process has: of its time (all threads' waits added up, so it may be more than
  // 1), or of its heap at its peak.
  double stake = 0;
  StakeIn stake_in = StakeIn::kTime;
  std::optional<Spread> spread = {};
};
using Findings = std::vector<Finding>;

}  // namespace perfagent

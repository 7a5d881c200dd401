// finding.h: what the evidence of a profile comes to, said so that something can be done about it.
#pragma once

#include <string>
#include <vector>

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
  uint64_t address = 0;   // of the lock
  // Leaf first, and the first of them that is the program's own. As long-lived as the names that they are from.
  std::vector<const SourceFrame*> stack = {};
  const SourceFrame* place = nullptr;  // null where nothing is known of the stack

  std::string allocator = {};  // the library that it is in; empty where it is not accused

  bool IsLock() const { return !lock.empty(); }
};

struct Finding {
  const char* kind;
  std::string title;
  Where where;
  std::vector<std::string> evidence;
  std::string gain;
  std::string remedy;
  Confidence confidence = Confidence::kMedium;
  // What is at stake, as a part of what the process has: of its time (all threads' waits added up, so it may be more than
  // 1), or of its heap at its peak.
  double stake = 0;
};
using Findings = std::vector<Finding>;

}  // namespace perfagent

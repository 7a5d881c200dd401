// finding.h: what the evidence of a profile comes to, said so that something can be done about it.
#pragma once

#include <string>
#include <vector>

#include "analyzer/model/lock_profile.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

enum class Confidence { kLow, kMedium, kHigh };

inline const char* Name(Confidence confidence) {
  return confidence == Confidence::kHigh     ? "high"
         : confidence == Confidence::kMedium ? "medium"
                                             : "low";
}

// A lock is accused, and only that one.
struct Finding {
  const char* kind;
  std::string title;
  std::string lock;  // its name
  uint64_t address = 0;
  std::vector<std::string> evidence;
  std::string gain;
  std::string remedy;
  Confidence confidence = Confidence::kMedium;
};
using Findings = std::vector<Finding>;

}  // namespace perfagent

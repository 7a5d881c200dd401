// check_result.h: one thing that was looked at by a gate, and what came of it.
#pragma once

#include <string>
#include <vector>

#include "analyzer/gate/requirement.h"

namespace perfagent {

struct CheckResult {
  std::string name;  // the requirement as given, or what regressed
  Outcome outcome = Outcome::kHolds;
  std::string text;  // one line
};
using CheckResults = std::vector<CheckResult>;

}  // namespace perfagent

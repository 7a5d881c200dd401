// regressions.h: what grew against a baseline by more than chance, and by more than is tolerated.
#pragma once

#include <string>

#include "analyzer/compare/comparison.h"
#include "analyzer/gate/check_result.h"

namespace perfagent {

// One result for the totals and for each site and lock that grew; one that holds, where none did. `tolerance` is the part
// of the baseline's whole (its allocations, its bytes, ...) that something may grow by: what surely grew by more, fails.
CheckResults FindRegressions(const Comparison& comparison, double tolerance,
                             const std::string& baseline);

}  // namespace perfagent

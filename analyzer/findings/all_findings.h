// all_findings.h: what all rules find, what matters most first.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/findings/finding.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// By what findings are ordered: what is at stake, less where it may well be wrong.
double Urgency(const Finding& finding);

// Of the parts of the profile that the report shows. What is much, or too much, is so of all that there was.
// REQUIRES: the profile is of everything, and its sites are not grouped. Of memory that grows is said when it reaches the limit, in bytes; without
// one, when the heap is twice what it was at most.
Findings FindProblems(const NamedProfile& named, const Sections& sections,
                      std::optional<uint64_t> memory_limit = std::nullopt);

}  // namespace perfagent

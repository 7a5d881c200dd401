// all_findings.h: what all rules find, what matters most first.
#pragma once

#include "analyzer/findings/finding.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Of the parts of the profile that the report shows.
Findings FindProblems(const NamedProfile& named, const Sections& sections);

}  // namespace perfagent

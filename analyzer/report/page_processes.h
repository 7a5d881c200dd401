// page_processes.h: which of many processes a page has whole: a browser is to hold the data of all of them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "analyzer/report/report_input.h"

namespace perfagent {

inline constexpr size_t kMostPageProcesses = 200;

// Both in the order of their inputs.
struct PageProcesses {
  std::vector<NamedProfile> whole;
  std::vector<NamedProfile> small;  // only their sum is shown
};

// First those of which there are findings, then those that have the greatest share of all allocated, live or leaked memory or
// of the time that was waited for locks.
PageProcesses ProcessesOfPage(std::span<const NamedProfile> profiles);

}  // namespace perfagent

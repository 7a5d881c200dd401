// text_locks.h: locks in the report for people.
//
// What is stuck comes first, then the locks by the time that was waited for them, then what else threads waited for.
#pragma once

#include <cstdint>

#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// `limit` things of each list.
void WriteLocksText(const NamedProfile& named, uint64_t limit, Output* output);

}  // namespace perfagent

// text_memory.h: the allocator's own time, and what resident memory consists of, in the report for people.
#pragma once

#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// Facts of the section about the heap.
void WriteMemoryText(const NamedProfile& named, Output* output);

}  // namespace perfagent

// info_report.h: what is in a dump, without replaying it.
#pragma once

#include "analyzer/replay/load_profile.h"
#include "analyzer/report/output.h"

namespace perfagent {

void WriteInfo(const LoadedDump& dump, Output* output);

}  // namespace perfagent

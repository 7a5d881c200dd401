// pool_report.h: what a report of many dumps in one profile begins with.
#pragma once

#include "analyzer/report/json_writer.h"
#include "analyzer/report/output.h"
#include "analyzer/views/pool.h"

namespace perfagent {

// How many processes there were, and the `limit` that allocated most.
void WritePoolText(const Pool& pool, uint64_t limit, Output* output);

// All processes, a line each.
void WritePoolJson(const Pool& pool, JsonWriter* json);

}  // namespace perfagent

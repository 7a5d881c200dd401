// json_lock.h: one lock in the report for programs (json_locks.h says what it means).
#pragma once

#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

void WriteLock(JsonWriter* json, const NamedProfile& named, const Lock& lock);

}  // namespace perfagent

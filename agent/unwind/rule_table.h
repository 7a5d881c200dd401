// rule_table.h: return address -> rule, compiled once per process.
//
// Open addressing, insert-only; a slot is a pc and its packed rule. The rule carries the module epoch it was compiled in:
// after an unload it is compiled again before it is believed.
//
// Threads: any; a slot is claimed by compare-and-swap on its pc and published by one store of the rule. No locks.
// When full: rules are compiled anew each time. Signals: safe. Fork: inherited; code does not move.
#pragma once

#include <cstdint>

#include "agent/unwind/cfi_compiler.h"

namespace perfagent::rule_table {

// False when there is no memory for the table.
bool Start();

// The rule at return address `pc` in module epoch `epoch`.
Rule Find(uint64_t pc, uint64_t epoch);

}  // namespace perfagent::rule_table

// counters.h: every way of losing data, counted by cause (the causes: PERFAGENT_LOSSES in dump_format.h).
//
// Counts live in the dump's header page, so that they survive whatever ends the process; before there is a dump, and in
// a forked child until it has its own, they wait in memory.
//
// Threads, signals: safe anywhere.
#pragma once

#include <cstdint>

#include "perfagent/dump_format.h"

namespace perfagent::counters {

void Add(Loss cause, uint64_t count = 1);
uint64_t Get(Loss cause);
// There is a dump now: what waited goes there.
void Flush();
// All causes together, but for those that lose no event (kNoStack, kModuleTableFull, kQuietChild).
uint64_t TotalEvents();

}  // namespace perfagent::counters

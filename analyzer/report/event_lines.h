// event_lines.h: every record of a dump, one line each, in the order of replay.
//
//   TIME_NS TID API ADDRESS SIZE STACK          123456 4711 malloc 0x55d0c2a0 64 s12
//   TIME_NS TID API ADDRESS STACK               123499 4711 free 0x55d0c2a0 s13
//   TIME_NS TID API old=A new=A SIZE STACK      123512 4711 realloc old=0x55d0c2a0 new=0x55d0c300 80 s12
//   TIME_NS TID API ADDRESS wait=NS result=N STACK
//   TIME_NS TID API ADDRESS acquired STACK
//
// API is the name of the call ("operator new" is two words). In sampled mode `temporary`,
// `ends_old` and `begins_new` may follow a STACK. Lines that begin with # are records that are no
// events: threads, modules, stacks.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/model/stack_names.h"
#include "analyzer/replay/load_profile.h"
#include "analyzer/report/output.h"

namespace perfagent {

// With `names`, the frames of each event's stack follow it, each on a line of its own that begins
// with #. Null: no frames. With `address`, only the events of blocks that contain it and of locks
// that are there (views/address_history.h). Returns how many events were printed.
uint64_t WriteEvents(const LoadedDump& dump, StackNames* names, Output* output,
                     std::optional<uint64_t> address = {});

}  // namespace perfagent

// heap_replay.h: the events of a dump become a profile of its heap.
//
// Addresses are split over shards, which replay their events apart from one another: one for each thread in full mode,
// where all sums are of integers, and a single one of what was sampled. The events come in windows of time
// (event_windows.h). Of each window it is found out, over all shards together, whether the heap was larger in it than
// ever before, and when; a shard sums its changes up to that moment, notes the peak, and goes on.
//
//   round n    decode n+2 and later │ merge n+1 │ shards: sum up n-1, replay n │ locks of n-1 │ then: find the peak of n
//
// All of a round but its end is done side by side.
#pragma once

#include "analyzer/dump/dump_file.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/heap_profile.h"
#include "analyzer/model/process.h"
#include "analyzer/parallel/workers.h"
#include "analyzer/replay/event_view.h"
#include "analyzer/replay/lock_replay.h"

namespace perfagent {

// Heap events that count become the profile; lock events go to `locks` in their order, and what becomes of the blocks they are in.
// Leaks are all that is live: suppressions come later. `damaged` hears of what the index trusted and cannot be decoded,
// `progress` of segments.
HeapProfile ReplayEvents(const DumpFile& file, const SegmentIndex& index, const Process& process,
                         const EventView& view, Workers* workers, LockReplay* locks,
                         DamageHandler damaged, ProgressHandler progress);

}  // namespace perfagent

// heap_changes.h: what each heap event of a dump does to its sites, one after the other in time: for who wants all of them,
// and not their sums.
//
// They are the changes that the profile of the same view is summed up from (block_replay.h).
#pragma once

#include <span>

#include "analyzer/parallel/workers.h"
#include "analyzer/replay/block_replay.h"
#include "analyzer/replay/event_view.h"
#include "analyzer/replay/load_profile.h"
#include "analyzer/replay/site_table.h"

namespace perfagent {

class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  // What the event did; nothing, where it does not count. Sites are places in `sites`, which grows.
  virtual void OnEvent(const HeapEvent& event, std::span<const Change> changes,
                       std::span<const Site> sites) = 0;
  // After the last one: what the end of full mode did that came after it.
  virtual void OnEnd(std::span<const Change> changes, std::span<const Site> sites) = 0;
};

// Calls the sink in one thread at a time, while others read ahead. REQUIRES: no names are asked for meanwhile.
BlockReplay::Counts ReplayChanges(const LoadedDump& dump, const EventView& view, Workers* workers,
                                  ChangeSink* sink);

}  // namespace perfagent

// site_part.h: the sums of some sites, from what all shards of addresses did to them.
//
//   shard of addresses 0  ──► changes of part 0 ─┬─► part 0: sums of sites 0, 2, 4, ...
//                         └─► changes of part 1 ─│┐
//   shard of addresses 1  ──► changes of part 0 ─┘├► part 1: sums of sites 1, 3, 5, ...
//                         └─► changes of part 1 ──┘
//
// A site's blocks have addresses in all shards. Were its sums there, too, each would have nearly all sites, and a second
// thread would have more to do in all than it takes off the first one.
//
// A window's changes are applied shard by shard, and not in time order, but from one moment to the next at which what has
// been summed up so far counts: where a tick begins, and at the heap's peak. In between, certain sums do not depend on it.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "analyzer/model/process.h"
#include "analyzer/replay/event_windows.h"
#include "analyzer/replay/heap_shard.h"
#include "analyzer/replay/site_sums.h"
#include "analyzer/replay/size_sums.h"

namespace perfagent {

// Moments of a window, by HeapEvent::order.
struct Moments {
  std::vector<TickBegin> ticks;
  std::optional<uint32_t> peak;  // after this event the heap was as large as never before
};

class SitePart {
 public:
  // Of so many parts, a power of two, this one. All must outlive this.
  SitePart(const Process& process, const std::deque<HeapShard>& shards, size_t part, size_t parts);

  // What the shards did in the last window.
  void SumUp(const Moments& moments);
  // After the last window: the process has so many sites.
  void Finish(size_t sites);

  SiteSums& sums() { return sums_; }
  const SiteSums& sums() const { return sums_; }
  const SizeSums& sizes() const { return sizes_; }

 private:
  // Of each shard, the changes up to this order that are not in the sums yet.
  void SumUpTo(uint64_t end_order);

  const std::deque<HeapShard>& shards_;
  const uint64_t duration_ns_;
  const size_t part_;
  const size_t parts_;
  SiteSums sums_;
  SizeSums sizes_;
  std::vector<size_t> summed_;  // by shard, of the window's changes
};

}  // namespace perfagent

// evidence_merge.h: what shards found about pairs of threads and pairs of sites becomes the profile's.
//
// Threads: one.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "analyzer/model/heap_evidence.h"
#include "analyzer/replay/handovers.h"
#include "analyzer/replay/live_scans.h"

namespace perfagent {

class EvidenceMerge {
 public:
  // `number` gives a shard's site its number in the profile.
  template <typename Number>
  void Add(const Handovers& handovers, Number number) {
    for (const auto& [key, blocks] : handovers.blocks()) {
      const ThreadTurns& turns = handovers.turns();
      nodes_.insert({key.maker_node, key.freer_node});
      handovers_[{number(key.site),
                  {turns.Text(key.maker), key.maker_node},
                  {turns.Text(key.freer), key.freer_node}}]
          .Merge(blocks);
    }
  }
  template <typename Number>
  void Add(const SharedLines& shared, Number number) {
    for (size_t scan = 0; scan < SharedLines::kScans; ++scan) {
      for (const auto& [sites, lines] : shared.lines()[scan])
        lines_[std::minmax({number(sites.first), number(sites.second)})][scan] += lines;
    }
  }

  std::vector<Handover> AllHandovers() const;
  std::vector<LineSharing> AllSharings() const;

 private:
  using Hand = std::tuple<size_t, HandoverEnd, HandoverEnd>;

  // In an order of their own, so that shards make no difference.
  std::map<Hand, Tally> handovers_;
  std::set<uint32_t> nodes_;  // of all handovers
  std::map<std::pair<size_t, size_t>, std::array<uint64_t, SharedLines::kScans>> lines_;
};

}  // namespace perfagent

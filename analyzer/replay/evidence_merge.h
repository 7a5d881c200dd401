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
  void Add(const Handovers& handovers) {
    for (const auto& [key, blocks] : handovers.blocks()) {
      const ThreadTurns& turns = handovers.turns();
      nodes_.insert({key.maker_node, key.freer_node});
      handovers_[{key.site.value(),
                  {turns.Text(key.maker), key.maker_node},
                  {turns.Text(key.freer), key.freer_node}}]
          .Merge(blocks);
    }
  }
  void Add(const SharedLines& shared) {
    for (size_t scan = 0; scan < SharedLines::kScans; ++scan) {
      for (const auto& [sites, lines] : shared.lines()[scan])
        lines_[{sites.first.value(), sites.second.value()}][scan] += lines;
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

#include "analyzer/replay/evidence_merge.h"

namespace perfagent {

std::vector<Handover> EvidenceMerge::AllHandovers() const {
  std::vector<Handover> all;
  all.reserve(handovers_.size());
  for (const auto& [hand, blocks] : handovers_) {
    auto [site, maker, freer] = hand;
    if (nodes_.size() < 2) maker.node = freer.node = std::nullopt;
    all.push_back({site, std::move(maker), std::move(freer), blocks});
  }
  std::stable_sort(all.begin(), all.end(), [](const Handover& a, const Handover& b) {
    return a.blocks.value() > b.blocks.value();
  });
  return all;
}

std::vector<LineSharing> EvidenceMerge::AllSharings() const {
  std::vector<LineSharing> all;
  all.reserve(lines_.size());
  for (const auto& [sites, lines] : lines_)
    all.push_back({sites.first, sites.second, *std::max_element(lines.begin(), lines.end())});
  std::stable_sort(all.begin(), all.end(),
                   [](const LineSharing& a, const LineSharing& b) { return a.lines > b.lines; });
  return all;
}

}  // namespace perfagent

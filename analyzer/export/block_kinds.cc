#include "analyzer/export/block_kinds.h"

namespace perfagent {

size_t BlockKinds::Add(SiteId site, const BlockKind& kind) {
  size_t& last = LastOf(site);
  if (last != kNone && kinds_[last].size == kind.size) return last;
  const auto [found, is_new] = number_of_.try_emplace({kind.stack, kind.size}, kinds_.size());
  if (is_new) kinds_.push_back(kind);
  return last = found->second;
}

std::optional<size_t> BlockKinds::Find(SiteId site, const BlockKind& kind) {
  size_t& last = LastOf(site);
  if (last != kNone && kinds_[last].size == kind.size) return last;
  const auto found = number_of_.find({kind.stack, kind.size});
  if (found == number_of_.end()) return std::nullopt;
  return last = found->second;
}

}  // namespace perfagent

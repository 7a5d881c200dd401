// block_kinds.h: blocks of one stack and size are one to heaptrack.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/ids.h"

namespace perfagent {

struct BlockKind {
  StackId stack;
  uint64_t size;
};

class BlockKinds {
 public:
  // In the order in which they were added.
  const std::vector<BlockKind>& all() const { return kinds_; }

  // Numbers of kinds; sites are only a way to find them again faster.
  size_t Add(SiteId site, const BlockKind& kind);
  std::optional<size_t> Find(SiteId site, const BlockKind& kind);

 private:
  static constexpr size_t kNone = SIZE_MAX;

  // The last one of the site; kNone: there was none yet.
  size_t& LastOf(SiteId site) {
    if (site.value() >= last_of_.size()) last_of_.resize(site.value() + 1, kNone);
    return last_of_[site.value()];
  }

  std::vector<BlockKind> kinds_;
  std::vector<size_t> last_of_;  // by SiteId
  absl::flat_hash_map<std::pair<StackId, uint64_t>, size_t> number_of_;
};

}  // namespace perfagent

// site_table.h: the sites of one shard: which stacks and kinds of call begin blocks there.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/ids.h"
#include "perfagent/dump_format.h"

namespace perfagent {

class SiteTable {
 public:
  struct Site {
    StackId stack;
    HeapApi api;
    uint64_t first_event;  // where it was found, among all events
  };

  explicit SiteTable(size_t stacks) : hints_(stacks) {}

  void Prefetch(StackId stack) const { __builtin_prefetch(&hints_[stack.value()]); }
  SiteId Of(StackId stack, HeapApi api, uint64_t event) {
    const Hint& hint = hints_[stack.value()];
    return hint.api == api ? hint.site : Find(stack, api, event);
  }
  const std::vector<Site>& sites() const { return sites_; }

 private:
  // The last site of a stack: nearly every stack has one kind of call.
  struct Hint {
    HeapApi api = HeapApi::kCount;
    SiteId site;
  };

  SiteId Find(StackId stack, HeapApi api, uint64_t event) {
    const uint64_t key = uint64_t{stack.value()} << 8 | static_cast<uint8_t>(api);
    const auto [found, is_new] = site_of_.try_emplace(key, SiteId(sites_.size()));
    if (is_new) sites_.push_back({stack, api, event});
    hints_[stack.value()] = {api, found->second};
    return found->second;
  }

  std::vector<Hint> hints_;  // by StackId
  absl::flat_hash_map<uint64_t, SiteId> site_of_;
  std::vector<Site> sites_;
};

}  // namespace perfagent

// site_table.h: the sites of a process: which stacks and kinds of call begin blocks, in the order in which they did first.
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

struct Site {
  StackId stack;
  HeapApi api;
};

class SiteTable {
 public:
  // Of a dump that defines so many stacks.
  explicit SiteTable(size_t stacks) : hints_(stacks) {}

  void Prefetch(StackId stack) const { __builtin_prefetch(&hints_[stack.value()]); }
  // A site that was not met before is appended to `met`.
  SiteId Of(StackId stack, HeapApi api, std::vector<Site>* met) {
    const Hint& hint = hints_[stack.value()];
    return hint.api == api ? hint.site : Find(stack, api, met);
  }

 private:
  // The last site of a stack: nearly every stack has one kind of call.
  struct Hint {
    HeapApi api = HeapApi::kCount;
    SiteId site;
  };

  SiteId Find(StackId stack, HeapApi api, std::vector<Site>* met) {
    const uint64_t key = uint64_t{stack.value()} << 8 | static_cast<uint8_t>(api);
    const auto [found, is_new] = site_of_.try_emplace(key, SiteId(site_of_.size()));
    if (is_new) met->push_back({stack, api});
    hints_[stack.value()] = {api, found->second};
    return found->second;
  }

  std::vector<Hint> hints_;  // by StackId
  absl::flat_hash_map<uint64_t, SiteId> site_of_;
};

}  // namespace perfagent

// site_merge.h: what shards have of sites becomes the profile's sites.
//
// A site's blocks have addresses in all shards. Sites are numbered in the order in which they first allocated, whichever
// shard that was in, and what shards have of one is added up shard by shard: how many threads do it makes no difference.
//
// Threads: one, which has Workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analyzer/model/heap_profile.h"
#include "analyzer/parallel/workers.h"
#include "analyzer/replay/heap_shard.h"
#include "analyzer/replay/site_table.h"

namespace perfagent {

class SiteMerge {
 public:
  // All shards have finished; they must outlive this. The dump defines so many stacks.
  SiteMerge(std::deque<HeapShard>* shards, size_t stacks);

  // In the profile.
  size_t NumberOf(size_t shard, SiteId site) const { return numbers_[shard][site.value()]; }
  // Once. `finish` is called with each site when it is whole, by any of the workers.
  std::vector<HeapSite> Sites(Workers* workers, absl::FunctionRef<void(HeapSite*)> finish);

 private:
  // What one shard has of a site.
  struct Part {
    uint32_t shard;
    SiteId site;
  };

  void NumberSites();
  void GroupParts();
  void AddUp(size_t number, HeapSite* site);

  std::deque<HeapShard>* const shards_;
  SiteTable sites_;
  std::vector<std::vector<uint32_t>> numbers_;  // by shard and its site
  std::vector<Part> parts_;                     // by number
  std::vector<uint32_t> first_part_;            // by number; one more, which is their end
};

}  // namespace perfagent

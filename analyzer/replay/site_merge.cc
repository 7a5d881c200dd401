#include "analyzer/replay/site_merge.h"

#include <algorithm>

namespace perfagent {
namespace {

// So many sites are one task: enough of them for it to be worth one, and tasks enough for all threads to end together.
constexpr size_t kSitesOfTask = 1024;

}  // namespace

SiteMerge::SiteMerge(std::deque<HeapShard>* shards, size_t stacks)
    : shards_(shards), sites_(stacks), numbers_(shards->size()) {
  NumberSites();
  GroupParts();
}

// Each shard has its sites in the order of their first events.
void SiteMerge::NumberSites() {
  const auto next_event = [this](size_t shard) {
    const std::vector<SiteTable::Site>& sites = (*shards_)[shard].blocks().sites().sites();
    const size_t next = numbers_[shard].size();
    return next < sites.size() ? sites[next].first_event : UINT64_MAX;
  };
  std::vector<uint64_t> next(shards_->size());
  for (size_t shard = 0; shard < next.size(); ++shard) next[shard] = next_event(shard);
  while (true) {
    const auto first = std::min_element(next.begin(), next.end());
    if (first == next.end() || *first == UINT64_MAX) return;
    const auto shard = static_cast<size_t>(first - next.begin());
    const SiteTable::Site& site =
        (*shards_)[shard].blocks().sites().sites()[numbers_[shard].size()];
    numbers_[shard].push_back(sites_.Of(site.stack, site.api, site.first_event).value());
    *first = next_event(shard);
  }
}

// A counting sort.
void SiteMerge::GroupParts() {
  first_part_.resize(sites_.sites().size() + 1);
  for (const std::vector<uint32_t>& numbers : numbers_) {
    for (const uint32_t number : numbers) ++first_part_[number + 1];
  }
  for (size_t i = 1; i < first_part_.size(); ++i) first_part_[i] += first_part_[i - 1];
  std::vector<uint32_t> next = first_part_;
  parts_.resize(first_part_.back());
  for (uint32_t shard = 0; shard < numbers_.size(); ++shard) {
    for (uint32_t site = 0; site < numbers_[shard].size(); ++site)
      parts_[next[numbers_[shard][site]]++] = {shard, SiteId(site)};
  }
}

std::vector<HeapSite> SiteMerge::Sites(Workers* workers,
                                       absl::FunctionRef<void(HeapSite*)> finish) {
  std::vector<HeapSite> sites(sites_.sites().size());
  workers->Run((sites.size() + kSitesOfTask - 1) / kSitesOfTask, [&](size_t task) {
    const size_t end = std::min((task + 1) * kSitesOfTask, sites.size());
    for (size_t number = task * kSitesOfTask; number < end; ++number) {
      AddUp(number, &sites[number]);
      finish(&sites[number]);
    }
  });
  return sites;
}

void SiteMerge::AddUp(size_t number, HeapSite* site) {
  site->stack = sites_.sites()[number].stack;
  site->api = sites_.sites()[number].api;
  for (uint32_t i = first_part_[number]; i < first_part_[number + 1]; ++i) {
    HeapShard& shard = (*shards_)[parts_[i].shard];
    shard.sums().AddTo(parts_[i].site, site);
    if (const BlockAges* ages = shard.ages().Find(parts_[i].site))
      site->evidence.live_then.Make().Merge(*ages);
  }
}

}  // namespace perfagent

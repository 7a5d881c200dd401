#include "analyzer/views/grouping.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/function_names.h"

namespace perfagent {
namespace {

const SourceFrame kNowhere{
    .function = "(no stack)", .file = {}, .line = 0, .module = {}, .inlined = false};

// What sites of one group have in common.
SourceFrame GroupOf(Grouping by, const SourceFrame& place) {
  SourceFrame group = place;
  group.inlined = false;
  if (by == Grouping::kLine) return group;
  group.file.clear();
  group.line = 0;
  if (by == Grouping::kFunction || place.module.empty()) return group;
  group.function = by == Grouping::kModule ? place.module : LibraryName(place.module);
  group.module.clear();
  return group;
}

StackId StackOfGroup(Grouping by, const HeapSite& site, StackNames* names) {
  if (by == Grouping::kStack) {
    const std::vector<const SourceFrame*> frames = names->Frames(site.stack);
    return names->Make(frames, names->IsTruncated(site.stack));
  }
  const SourceFrame* place = names->Headline(site.stack);
  const SourceFrame group = GroupOf(by, place == nullptr ? kNowhere : *place);
  const SourceFrame* frame = &group;
  return names->Make({&frame, 1}, /*is_truncated=*/false);
}

void Add(const HeapSite& site, HeapSite* group) {
  if (group->api != site.api) group->api = HeapApi::kCount;
  group->metrics.Merge(site.metrics);
  group->lifetimes.Merge(site.lifetimes);
  group->merged_sites += std::max<uint64_t>(site.merged_sites, 1);
}

}  // namespace

std::string LibraryName(const std::string& path) {
  const std::string name = BaseName(path);
  return name.substr(0, name.find(".so"));
}

void Group(Grouping by, StackNames* names, HeapProfile* heap) {
  // Calls of several kinds are one group, unless their stacks are what is compared.
  using Key = std::tuple<StackId, HeapApi, const char*>;
  absl::flat_hash_map<Key, size_t> group_at;
  std::vector<HeapSite> groups;
  for (const HeapSite& site : heap->sites) {
    const StackId stack = StackOfGroup(by, site, names);
    const HeapApi api = by == Grouping::kStack ? site.api : HeapApi::kCount;
    const auto [found, is_new] =
        group_at.try_emplace({stack, api, site.suppressed_by}, groups.size());
    if (is_new) {
      groups.push_back({.stack = stack, .api = site.api, .suppressed_by = site.suppressed_by});
    }
    Add(site, &groups[found->second]);
  }
  heap->sites = std::move(groups);
}

}  // namespace perfagent

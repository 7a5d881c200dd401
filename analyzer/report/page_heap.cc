#include "analyzer/report/page_heap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/report/json_heap.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/page_tables.h"

namespace perfagent {
namespace {

constexpr size_t kPageHandovers = 200;

// The greatest part of a total that the site has.
double ShareOf(const HeapMetrics& site, const HeapMetrics& total) {
  double share = 0;
  for (const auto metric :
       {&HeapMetrics::allocations, &HeapMetrics::bytes, &HeapMetrics::temporary,
        &HeapMetrics::live_bytes, &HeapMetrics::leaked_bytes, &HeapMetrics::peak_bytes}) {
    const double whole = (total.*metric).value();
    if (whole > 0) share = std::max(share, (site.*metric).value() / whole);
  }
  return share;
}

template <typename Numbers>
void WriteNumbers(JsonWriter* json, const char* key, const Numbers& numbers) {
  json->Key(key).BeginArray();
  for (const double number : numbers) json->Number(std::round(number));
  json->EndArray();
}

// The mean of bytes between samples in each slot, as its bytes have it: the variance of a small block by its bytes. None
// where all was recorded.
void WriteIntervals(JsonWriter* json, const SiteHistory& history) {
  std::array<double, kSlots> intervals = history.variance();
  if (std::ranges::all_of(intervals, [](double variance) { return variance <= 0; })) return;
  const std::array<double, kSlots> bytes = history.bytes();
  for (size_t i = 0; i < kSlots; ++i) intervals[i] /= std::max(bytes[i], 1.0);
  WriteNumbers(json, "interval_bytes", intervals);
}

void WriteHistory(JsonWriter* json, const SiteHistory& history) {
  json->Key("history");
  if (history.IsEmpty()) return json->Null();
  json->BeginObject();
  WriteNumbers(json, "calls", history.calls());
  WriteNumbers(json, "bytes", history.bytes());
  WriteNumbers(json, "temporary", history.temporary());
  WriteNumbers(json, "live_bytes", history.live_bytes());
  WriteNumbers(json, "leaked_bytes", history.leaked_bytes());
  WriteIntervals(json, history);
  json->EndObject();
}

struct PrunedStack {
  uint64_t sites = 0;
  HeapMetrics metrics;

  void Add(uint64_t more_sites, const HeapMetrics& more) {
    sites += more_sites;
    metrics.Merge(more);
  }
};

// By the outer part of the stack that is in the tables. What is too little to see counts for the caller.
std::map<uint32_t, PrunedStack, std::greater<>> PrunedStacks(
    const PageTables& tables, const NamedProfile& named,
    const std::vector<const HeapSite*>& sites) {
  constexpr double kLeastShare = 1e-4;  // a tenth of a pixel
  std::map<uint32_t, PrunedStack, std::greater<>> stacks;
  for (const HeapSite* site : sites) {
    stacks[tables.KnownPartOf(named.names.Frames(site->stack))].Add(1, site->metrics);
  }
  for (auto it = stacks.begin(); it != stacks.end();) {
    const auto& [stack, pruned] = *it;
    if (stack == 0 || ShareOf(pruned.metrics, named.profile.heap.total) >= kLeastShare) {
      ++it;
    } else {
      stacks[tables.CallerOf(stack)].Add(pruned.sites, pruned.metrics);
      it = stacks.erase(it);
    }
  }
  return stacks;
}

void WritePruned(JsonWriter* json, const NamedProfile& named,
                 const std::vector<const HeapSite*>& sites) {
  PrunedStack all;
  SiteHistory history;
  for (const HeapSite* site : sites) {
    all.Add(1, site->metrics);
    history.Merge(site->evidence.history);
  }
  json->BeginObject();
  json->Key("sites").Integer(all.sites);
  WriteMetrics(json, all.metrics);
  WriteHistory(json, history);
  json->Key("stacks").BeginArray();
  for (const auto& [stack, pruned] : PrunedStacks(*json->tables(), named, sites)) {
    json->BeginObject();
    json->Key("stack").Integer(stack);
    json->Key("sites").Integer(pruned.sites);
    WriteMetrics(json, pruned.metrics);
    json->EndObject();
  }
  json->EndArray();
  json->EndObject();
}

std::string NameOf(const HandoverEnd& end) {
  if (!end.node) return end.thread;
  return absl::StrCat(end.thread.empty() ? "unnamed" : end.thread, " on NUMA node ", *end.node);
}

void WriteHandovers(JsonWriter* json, const HeapProfile& heap) {
  std::map<std::pair<HandoverEnd, HandoverEnd>, Tally> blocks;
  for (const Handover& handover : heap.handovers) {
    blocks[{handover.maker, handover.freer}].Merge(handover.blocks);
  }
  std::vector<const std::pair<const std::pair<HandoverEnd, HandoverEnd>, Tally>*> most;
  most.reserve(blocks.size());
  for (const auto& pair : blocks) most.push_back(&pair);
  std::stable_sort(most.begin(), most.end(), [](const auto* a, const auto* b) {
    return a->second.value() > b->second.value();
  });
  Tally rest;
  for (size_t i = kPageHandovers; i < most.size(); ++i) rest.Merge(most[i]->second);
  most.resize(std::min(most.size(), kPageHandovers));
  json->Key("handovers").BeginArray();
  for (const auto* pair : most) {
    json->BeginObject();
    json->Key("maker").String(NameOf(pair->first.first));
    json->Key("freer").String(NameOf(pair->first.second));
    WriteTally(json, "blocks", pair->second);
    json->EndObject();
  }
  json->EndArray();
  WriteTally(json, "handovers_pruned", rest);
}

}  // namespace

PageSites SitesOfPage(const HeapProfile& heap, std::vector<const HeapSite*> sites, size_t most) {
  PageSites page;
  std::vector<std::pair<double, const HeapSite*>> by_share;
  by_share.reserve(sites.size());
  for (const HeapSite* site : sites) {
    by_share.emplace_back(ShareOf(site->metrics, heap.total), site);
  }
  std::stable_sort(by_share.begin(), by_share.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::unordered_set<const HeapSite*> pruned;
  for (size_t i = most; i < by_share.size(); ++i) {
    pruned.insert(by_share[i].second);
    page.pruned.push_back(by_share[i].second);
  }
  std::erase_if(sites, [&](const HeapSite* site) { return pruned.contains(site); });
  page.kept = std::move(sites);
  return page;
}

void WritePageHeap(JsonWriter* json, const NamedProfile& named, const PageSites& sites) {
  json->Key("pruned");
  WritePruned(json, named, sites.pruned);
  WriteNumbers(json, "calls", named.profile.heap.calls);
  WriteHandovers(json, named.profile.heap);
}

void WritePageSite(JsonWriter* json, const NamedProfile& named, const HeapSite& site) {
  const SourceFrame* place = named.names.Headline(site.stack);
  json->Key("place");
  place == nullptr ? json->Null() : WriteFrame(json, *place);
  WriteHistory(json, site.evidence.history);
}

}  // namespace perfagent

#include "analyzer/report/page_heap.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>

#include "analyzer/report/json_heap.h"
#include "analyzer/report/json_values.h"

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

void WriteHistory(JsonWriter* json, const OnDemand<SiteHistory>& history) {
  json->Key("history");
  if (!history.IsMade()) return json->Null();
  json->BeginObject();
  WriteNumbers(json, "calls", history->calls);
  WriteNumbers(json, "bytes", history->bytes);
  WriteNumbers(json, "live_bytes", history->live_bytes);
  json->EndObject();
}

void WriteHandovers(JsonWriter* json, const HeapProfile& heap) {
  std::map<std::pair<std::string, std::string>, Tally> blocks;
  for (const Handover& handover : heap.handovers) {
    blocks[{handover.maker, handover.freer}].Merge(handover.blocks);
  }
  std::vector<const std::pair<const std::pair<std::string, std::string>, Tally>*> most;
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
    json->Key("maker").String(pair->first.first);
    json->Key("freer").String(pair->first.second);
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
  for (const HeapSite* site : sites) {
    by_share.emplace_back(ShareOf(site->metrics, heap.total), site);
  }
  std::stable_sort(by_share.begin(), by_share.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::unordered_set<const HeapSite*> pruned;
  for (size_t i = most; i < by_share.size(); ++i) {
    const HeapSite* site = by_share[i].second;
    pruned.insert(site);
    page.pruned.Merge(site->metrics);
    if (site->evidence.history.IsMade()) page.pruned_history.Make().Merge(*site->evidence.history);
  }
  page.pruned_count = pruned.size();
  std::erase_if(sites, [&](const HeapSite* site) { return pruned.contains(site); });
  page.kept = std::move(sites);
  return page;
}

void WritePageHeap(JsonWriter* json, const HeapProfile& heap, const PageSites& sites) {
  json->Key("pruned").BeginObject();
  json->Key("sites").Integer(sites.pruned_count);
  WriteMetrics(json, sites.pruned);
  WriteHistory(json, sites.pruned_history);
  json->EndObject();
  WriteNumbers(json, "calls", heap.calls);
  WriteHandovers(json, heap);
}

void WritePageSite(JsonWriter* json, const NamedProfile& named, const HeapSite& site) {
  const SourceFrame* place = named.names.Headline(site.stack);
  json->Key("place");
  place == nullptr ? json->Null() : WriteFrame(json, *place);
  WriteHistory(json, site.evidence.history);
}

}  // namespace perfagent

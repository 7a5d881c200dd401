#include "analyzer/report/json_heap.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "analyzer/report/json_memory.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/page_heap.h"
#include "analyzer/report/page_tables.h"
#include "analyzer/report/sizes_report.h"

namespace perfagent {
namespace {

void WriteSite(JsonWriter* json, const NamedProfile& named, const HeapSite& site) {
  json->BeginObject();
  json->Key("stack");
  WriteStack(json, named, site.stack);
  json->Key("truncated").Bool(named.names.IsTruncated(site.stack));
  json->Key("api").String(Name(site.api));
  if (site.merged_sites > 0) json->Key("merged_sites").Integer(site.merged_sites);
  WriteMetrics(json, site.metrics);
  const uint64_t ran_ns = named.profile.dump.process.facts.duration_ns;
  json->Key("lifetime_ns");
  if (site.lifetimes.IsEmpty()) {
    json->Null();
  } else {
    WriteEstimate(json, site.lifetimes.Mean(ran_ns));
  }
  json->Key("lifetime_median_ns");
  if (site.lifetimes.IsEmpty()) {
    json->Null();
  } else {
    WriteEstimate(json, site.lifetimes.Median(ran_ns));
  }
  json->Key("lifetime_max_ns").Integer(site.lifetimes.max_ns());
  if (json->tables() != nullptr) WritePageSite(json, named, site);
  json->EndObject();
}

void WriteSuppressed(JsonWriter* json, const NamedProfile& named) {
  json->Key("suppressed").BeginArray();
  for (const HeapSite& site : named.profile.heap.sites) {
    if (site.suppressed_by == nullptr) continue;
    json->BeginObject();
    json->Key("reason").String(site.suppressed_by);
    WriteTally(json, "bytes", site.metrics.live_bytes);
    WriteTally(json, "blocks", site.metrics.live_blocks);
    json->Key("stack");
    WriteStack(json, named, site.stack);
    json->EndObject();
  }
  json->EndArray();
}

// What there is without the view; null where there is no view.
void WriteWhole(JsonWriter* json, const HeapProfile& heap) {
  json->Key("whole");
  if (!heap.whole) return json->Null();
  json->BeginObject();
  WriteTally(json, "allocations", heap.whole->allocations);
  WriteTally(json, "bytes", heap.whole->bytes);
  json->EndObject();
}

// Every site, or the `limit` largest by bytes asked for.
std::vector<const HeapSite*> SitesToWrite(const HeapProfile& heap, std::optional<uint64_t> limit) {
  std::vector<const HeapSite*> sites;
  for (const HeapSite& site : heap.sites) sites.push_back(&site);
  std::stable_sort(sites.begin(), sites.end(), [](const HeapSite* a, const HeapSite* b) {
    return a->metrics.bytes.value() > b->metrics.bytes.value();
  });
  if (limit && sites.size() > *limit) sites.resize(*limit);
  return sites;
}

void WriteSites(JsonWriter* json, const NamedProfile& named, std::vector<const HeapSite*> sites) {
  PageSites page;
  if (json->tables() != nullptr) {
    page = SitesOfPage(named.profile.heap, std::move(sites), json->tables()->most_sites());
    sites = page.kept;
  }
  json->Key("sites").BeginArray();
  for (const HeapSite* site : sites) WriteSite(json, named, *site);
  json->EndArray();
  if (json->tables() != nullptr) WritePageHeap(json, named, page);
}

}  // namespace

void WriteMetrics(JsonWriter* json, const HeapMetrics& metrics) {
  WriteTally(json, "allocations", metrics.allocations);
  WriteTally(json, "bytes", metrics.bytes);
  WriteTally(json, "frees", metrics.frees);
  WriteTally(json, "temporary", metrics.temporary);
  WriteTally(json, "cross_thread_frees", metrics.cross_thread_frees);
  WriteTally(json, "reallocations", metrics.reallocations);
  WriteTally(json, "live_bytes", metrics.live_bytes);
  WriteTally(json, "live_blocks", metrics.live_blocks);
  WriteTally(json, "leaked_bytes", metrics.leaked_bytes);
  WriteTally(json, "leaked_blocks", metrics.leaked_blocks);
  WriteTally(json, "peak_bytes", metrics.peak_bytes);
}

void WriteHeap(JsonWriter* json, const NamedProfile& named, std::optional<uint64_t> limit) {
  const HeapProfile& heap = named.profile.heap;
  json->BeginObject();
  WriteMetrics(json, heap.total);
  WriteWhole(json, heap);
  json->Key("peak_time_ns").Integer(heap.peak_time_ns);
  json->Key("unpaired_frees").Integer(heap.unpaired_frees);
  json->Key("unpaired_reallocations").Integer(heap.unpaired_reallocs);
  json->Key("overlaps").Integer(heap.overlaps);
  WriteMemory(json, named);
  WriteSites(json, named, SitesToWrite(heap, limit));
  // Both are known of all sites together.
  if (named.profile.view.stacks.empty()) {
    WriteSizesJson(named, json);
    WriteTimelineJson(named, json);
  }
  WriteSuppressed(json, named);
  json->EndObject();
}

}  // namespace perfagent

#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Of the site's frees.
constexpr double kMostly = 0.5;
// The block's line moves to the other processor and back, and allocators give it back to its arena under a lock or with
// atomic operations.
constexpr double kCrossingNs = 50;
constexpr size_t kMaxPairs = 3;

std::string Name(const HandoverEnd& end) {
  const std::string threads =
      end.thread.empty() ? "threads without a name" : absl::StrCat("\"", end.thread, "\"");
  return end.node ? absl::StrCat(threads, " on NUMA node ", *end.node) : threads;
}

// Of all the site's, not only of the pairs that are printed.
void AddCrossingsOfNodes(const HeapCase& heap, const HeapSite& site, Finding* finding) {
  Tally crossing;
  for (const Handover& pair : heap.heap().handovers) {
    if (pair.site == heap.IndexOf(site) && pair.maker.node != pair.freer.node)
      crossing.Merge(pair.blocks);
  }
  if (crossing.IsEmpty()) return;
  finding->evidence.push_back(
      absl::StrCat("freed on another NUMA node than they were made on: ", Count(crossing)));
}

void AddPairs(const HeapCase& heap, const HeapSite& site, Finding* finding) {
  for (const Handover& pair : heap.heap().handovers) {
    if (pair.site != heap.IndexOf(site)) continue;
    finding->evidence.push_back(absl::StrCat("made in ", Name(pair.maker), ", freed in ",
                                             Name(pair.freer), ": ", Count(pair.blocks)));
    if (finding->evidence.size() > kMaxPairs) return;
  }
}

}  // namespace

void FindCrossThreadFrees(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const HeapSite* site :
       heap->Sites([](const HeapSite& s) { return s.metrics.cross_thread_frees.value(); })) {
    const HeapMetrics& metrics = site->metrics;
    const double cost_ns = metrics.cross_thread_frees.value() * kCrossingNs;
    if (cost_ns < kWorthTime * heap->busy_ns() || found == kMostOfARule) break;
    if (metrics.cross_thread_frees.value() < kManyCalls ||
        ShareOf(metrics.cross_thread_frees, metrics.frees) < kMostly) {
      continue;
    }
    Finding finding = heap->Accuse(*site, "cross_thread");
    finding.title =
        absl::StrCat(Count(metrics.cross_thread_frees), " blocks are freed by another thread");
    finding.evidence = {absl::StrCat(
        FormatShare(metrics.cross_thread_frees.value(), metrics.frees.value()),
        " of the frees of these blocks, of ", FormatBytes(MeanSize(*site)), " on average")};
    AddPairs(*heap, *site, &finding);
    AddCrossingsOfNodes(*heap, *site, &finding);
    finding.gains.time_ns = OfItsTime(*heap, CostOf(metrics.cross_thread_frees, kCrossingNs));
    finding.gain = TimeGain(*heap, *finding.gains.time_ns);
    finding.remedy =
        "send blocks back to the thread that made them, in batches; or let the consumer "
        "make them";
    finding.confidence = heap->Trust(*site, Confidence::kMedium);
    finding.stake = cost_ns / heap->busy_ns();
    findings->push_back(std::move(finding));
    heap->Explain(*site);
    ++found;
  }
}

}  // namespace perfagent

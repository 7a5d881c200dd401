#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Nearly all: of blocks that stay, a pool would keep too many.
constexpr double kFreed = 0.9;
// A pool serves each of its blocks several times: what is all live at once has none to give back.
constexpr double kTimesServed = 4;
// Short is what ends soon for a reader, and for the recording.
constexpr double kShortNs = 10e6;
constexpr double kShortShare = 0.05;
// What taking a block from a list, and putting it back, costs of a malloc and its free.
constexpr double kPoolShare = 0.25;
constexpr double kSavedNs = kPairNs * (1 - kPoolShare);

bool IsServedAgain(const HeapSite& site) {
  return site.metrics.allocations.value() >= kTimesServed * BlocksAtPeak(site);
}

bool LivesShortly(const HeapCase& heap, const HeapSite& site) {
  const double median_ns = MedianLifetimeNs(heap, site);
  return median_ns <= std::min(kShortNs, kShortShare * heap.duration_ns());
}

}  // namespace

void FindPools(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const HeapSite* site :
       heap->Sites([](const HeapSite& s) { return s.metrics.frees.value(); })) {
    const HeapMetrics& metrics = site->metrics;
    const double saved_ns = metrics.frees.value() * kSavedNs;
    if (saved_ns < kWorthTime * heap->busy_ns() || found == kMostOfARule) break;
    const bool has_one_size = site->evidence.least_size == site->evidence.greatest_size;
    if (!has_one_size || metrics.frees.value() < kManyCalls ||
        ShareOf(metrics.frees, metrics.allocations) < kFreed || !IsServedAgain(*site) ||
        !LivesShortly(*heap, *site)) {
      continue;
    }
    Finding finding = heap->Accuse(*site, "pool");
    finding.title = absl::StrCat(Count(metrics.allocations), " short-lived blocks of ",
                                 site->evidence.least_size, " bytes each");
    finding.evidence = {absl::StrCat(Count(metrics.frees), " of them were freed, after ",
                                     FormatDuration(MedianLifetimeNs(*heap, *site)), " (median)")};
    finding.gains = {.time_ns = OfItsTime(*heap, CostOf(metrics.frees, kSavedNs)),
                     .calls = metrics.frees.Interval()};
    finding.gain = TimeGain(*heap, *finding.gains.time_ns);
    finding.remedy =
        "keep freed ones in a list and take them from there: a pool of this size, or an "
        "arena where they end together";
    finding.confidence = heap->Trust(*site, Confidence::kMedium);
    finding.stake = saved_ns / heap->busy_ns();
    findings->push_back(std::move(finding));
    ++found;
  }
}

}  // namespace perfagent

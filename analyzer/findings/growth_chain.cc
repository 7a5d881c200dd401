#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Of the site's blocks: arrays that take three steps on average, and more.
constexpr double kMostlySteps = 0.6;
// Fewer steps may be chance: sizes that happen to rise.
constexpr double kManySteps = 8;

Estimate CostNs(const HeapSite& site) {
  const Copies& copies = *site.evidence.copies;
  return SumOf(CostOf(copies.grown, kPairNs), CostOf(copies.grown_bytes, kCopyNsPerByte));
}

}  // namespace

void FindGrowthChains(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const HeapSite* site : heap->Sites([](const HeapSite& s) { return CostNs(s).value; })) {
    const double cost_ns = CostNs(*site).value;
    if (cost_ns < kWorthTime * heap->busy_ns() || found == kMostOfARule) break;
    const Copies& copies = *site->evidence.copies;
    const Tally& allocations = site->metrics.allocations;
    if (copies.grown.value() < kManySteps || ShareOf(copies.grown, allocations) < kMostlySteps)
      continue;
    const double chains = allocations.value() - copies.grown.value();
    Finding finding = heap->Accuse(*site, "growth_chain");
    finding.title =
        absl::StrCat("arrays grow step by step: ", Size(copies.grown_bytes), " copied on the way");
    finding.evidence = {
        absl::StrCat(Count(copies.grown), " blocks gave way to a larger one of the same caller"),
        absl::StrFormat("about %.3g steps for each of %s arrays",
                        chains > 0 ? copies.grown.value() / chains : 0, FormatCount(chains))};
    finding.gains = {.time_ns = OfItsTime(*heap, CostNs(*site)),
                     .copied_bytes = copies.grown_bytes.Interval(),
                     .calls = copies.grown.Interval()};
    finding.gain = absl::StrCat(Size(copies.grown_bytes), " not copied and ", Count(copies.grown),
                                " calls fewer: ", TimeGain(*heap, *finding.gains.time_ns));
    finding.remedy =
        "reserve() what will be needed before the loop, or allocate the final size at once";
    finding.confidence = heap->Trust(*site, Confidence::kHigh);
    finding.stake = cost_ns / heap->busy_ns();
    findings->push_back(std::move(finding));
    heap->Explain(*site);
    ++found;
  }
}

}  // namespace perfagent

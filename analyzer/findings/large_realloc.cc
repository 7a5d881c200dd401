#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// One or two may be how a buffer finds its size.
constexpr double kSeveral = 4;

double CopiedBytes(const HeapSite& site) { return site.evidence.copies->large_bytes.value(); }

}  // namespace

void FindLargeReallocs(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const HeapSite* site : heap->Sites(CopiedBytes)) {
    const double cost_ns = CopiedBytes(*site) * kCopyNsPerByte;
    if (cost_ns < kWorthTime * heap->busy_ns() || found == kMostOfARule) break;
    const Copies& copies = *site->evidence.copies;
    if (copies.large.value() < kSeveral) continue;
    Finding finding = heap->Accuse(*site, "large_realloc");
    finding.title = absl::StrCat("realloc copied ", Size(copies.large_bytes), " of large blocks");
    finding.evidence = {
        absl::StrCat(Count(copies.large), " blocks of at least ",
                     FormatBytes(static_cast<double>(kLargeCopy)),
                     " were copied to another place to make them larger"),
        absl::StrCat(FormatBytes(CopiedBytes(*site) / copies.large.value()), " each on average")};
    finding.gains = {.time_ns = OfItsTime(*heap, CostOf(copies.large_bytes, kCopyNsPerByte)),
                     .copied_bytes = copies.large_bytes.Interval()};
    finding.gain = absl::StrCat(Size(copies.large_bytes),
                                " not copied: ", TimeGain(*heap, *finding.gains.time_ns));
    finding.remedy =
        "allocate the final size at once, grow by a factor and not by a constant, or keep "
        "a list of pieces";
    finding.confidence = heap->Trust(*site, Confidence::kHigh);
    finding.stake = cost_ns / heap->busy_ns();
    findings->push_back(std::move(finding));
    heap->Explain(*site);
    ++found;
  }
}

}  // namespace perfagent

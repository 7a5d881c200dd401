#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/findings/taken_bytes.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Of what is asked for: a tenth is what classes cost in any case.
constexpr double kMuch = 0.1;

}  // namespace

void FindSlack(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const HeapSite* site :
       heap->Sites([&](const HeapSite& s) { return SlackAtPeak(*heap, s); })) {
    const double slack = SlackAtPeak(*heap, *site);
    const bool is_worth = slack >= kWorthBytes && slack >= kWorthMemory * heap->peak_bytes();
    if (!is_worth || found == kMostOfARule) break;
    const double each = slack / BlocksAtPeak(*site);
    if (MeanSize(*site) <= kTinyBytes || each < kMuch * MeanSize(*site)) continue;
    Finding finding = heap->Accuse(*site, "slack");
    finding.title = absl::StrCat("blocks of ", FormatBytes(MeanSize(*site)),
                                 " fall badly between the allocator's sizes");
    finding.evidence = {
        absl::StrCat("by the size classes of ", Name(heap->classes()), " ", FormatBytes(each),
                     " of each block cannot be used by anyone (",
                     FormatShare(each, MeanSize(*site)), " of what is asked for)"),
        absl::StrCat("about ", FormatCount(BlocksAtPeak(*site)),
                     " of them were live when the heap was largest, asked for with ",
                     Size(site->metrics.peak_bytes))};
    finding.gains.memory_bytes =
        CostOf(site->metrics.peak_bytes, slack / site->metrics.peak_bytes.value());
    finding.gain = absl::StrCat(
        "at most ", FormatEstimate(*finding.gains.memory_bytes, FormatBytes), " of memory");
    finding.remedy =
        "make the object a little smaller, so that it fits the class below, or use the "
        "rest (malloc_usable_size)";
    finding.confidence = heap->Trust(*site, Confidence::kMedium);
    finding.stake = slack / heap->peak_bytes();
    finding.stake_in = StakeIn::kMemory;
    findings->push_back(std::move(finding));
    ++found;
  }
}

}  // namespace perfagent

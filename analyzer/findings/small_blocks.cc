#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/findings/taken_bytes.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {

void FindSmallBlocks(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const HeapSite* site :
       heap->Sites([&](const HeapSite& s) { return OverheadAtPeak(*heap, s); })) {
    const double overhead = OverheadAtPeak(*heap, *site);
    const bool is_worth = overhead >= kWorthBytes && overhead >= kWorthMemory * heap->peak_bytes();
    if (!is_worth || found == kMostOfARule) break;
    if (MeanSize(*site) > kTinyBytes) continue;
    const double taken = site->evidence.taken_bytes.value() / site->metrics.allocations.value();
    Finding finding = heap->Accuse(*site, "small_blocks");
    finding.title = absl::StrCat("blocks of ", FormatBytes(MeanSize(*site)), " take ",
                                 FormatBytes(taken), " each");
    finding.evidence = {
        absl::StrCat("about ", FormatCount(BlocksAtPeak(*site)),
                     " of them were live when the heap was largest, asked for with ",
                     Size(site->metrics.peak_bytes)),
        absl::StrCat("header and rounding as ", Name(heap->classes()), " does it: ",
                     FormatShare(taken - MeanSize(*site), taken), " of what they take")};
    finding.gains.memory_bytes =
        CostOf(site->metrics.peak_bytes, overhead / site->metrics.peak_bytes.value());
    finding.gain =
        absl::StrCat("at most ", FormatEstimate(*finding.gains.memory_bytes, FormatBytes),
                     " of memory, and better use of the caches");
    finding.remedy =
        "keep them in a vector or in what owns them (inline storage) instead of one block each";
    finding.confidence = heap->Trust(*site, Confidence::kHigh);
    finding.stake = overhead / heap->peak_bytes();
    finding.stake_in = StakeIn::kMemory;
    findings->push_back(std::move(finding));
    heap->Explain(*site);
    ++found;
  }
}

}  // namespace perfagent

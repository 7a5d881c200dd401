#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// A few meet in any heap that threads share.
constexpr uint64_t kManyLines = 32;
// Who writes to the blocks, and how often, is not recorded: whatever is at stake is said last.
constexpr double kUnknownStake = 0.001;

}  // namespace

void FindHeapFalseSharing(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const LineSharing& sharing : heap->heap().sharings) {
    if (sharing.lines < kManyLines || found == kMostOfARule) return;
    const HeapSite& site = heap->heap().sites[sharing.site];
    const HeapSite& other = heap->heap().sites[sharing.other];
    const SourceFrame* place = heap->named().names.Headline(other.stack);
    Finding finding = heap->Accuse(site, "false_sharing");
    finding.title = "candidates: small blocks of different threads share cache lines";
    finding.evidence = {
        absl::StrCat(FormatCount(static_cast<double>(sharing.lines)), " lines of ", kCacheLine,
                     " bytes hold blocks that different threads made, of ",
                     FormatBytes(MeanSize(site)), " here and of ", FormatBytes(MeanSize(other)),
                     " in ", place == nullptr ? "code without a name" : place->function)};
    finding.gain =
        "if they are written often, each thread is no longer slowed down by the other's writes";
    finding.remedy =
        "alignas(64) for what one thread writes and another uses, or one block for each "
        "thread's things";
    finding.confidence = Confidence::kLow;
    finding.stake = kUnknownStake;
    findings->push_back(std::move(finding));
    ++found;
  }
}

}  // namespace perfagent

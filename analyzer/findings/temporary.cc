#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/model/frame_kinds.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Where fewer are, most blocks serve something that lasts.
constexpr double kMostly = 0.5;

bool MakesStrings(const Where& where) {
  return std::any_of(where.stack.begin(), where.stack.end(), [&](const SourceFrame* frame) {
    return frame != where.place && frame->function.find("basic_string<") != std::string::npos &&
           IsPlumbing(frame->function);
  });
}

}  // namespace

void FindTemporaries(HeapCase* heap, Findings* findings) {
  size_t found = 0;
  for (const HeapSite* site :
       heap->Sites([](const HeapSite& s) { return s.metrics.temporary.value(); })) {
    const HeapMetrics& metrics = site->metrics;
    const double cost_ns = metrics.temporary.value() * kPairNs;
    if (cost_ns < kWorthTime * heap->busy_ns() || found == kMostOfARule) break;
    if (metrics.temporary.value() < kManyCalls ||
        ShareOf(metrics.temporary, metrics.allocations) < kMostly) {
      continue;
    }
    Finding finding = heap->Accuse(*site, "temporary");
    finding.title = absl::StrCat(Count(metrics.temporary),
                                 " blocks are freed before anything else is allocated");
    finding.evidence = {
        absl::StrCat(FormatShare(metrics.temporary.value(), metrics.allocations.value()), " of ",
                     Count(metrics.allocations), " calls here are such, of ",
                     FormatBytes(MeanSize(*site)), " on average"),
        absl::StrCat("they live for ", FormatDuration(MedianLifetimeNs(*heap, *site)),
                     " (median)")};
    finding.gains = {.time_ns = OfItsTime(*heap, CostOf(metrics.temporary, kPairNs)),
                     .calls = metrics.temporary.Interval()};
    finding.gain = TimeGain(*heap, *finding.gains.time_ns);
    finding.remedy =
        MakesStrings(finding.where)
            ? "pass std::string_view, or make the string before the loop and assign to it in it"
            : "make the block once, before the loop, and use it again; or use the stack where it "
              "is "
              "small";
    finding.confidence = heap->Trust(*site, Confidence::kHigh);
    finding.stake = cost_ns / heap->busy_ns();
    findings->push_back(std::move(finding));
    heap->Explain(*site);
    ++found;
  }
}

}  // namespace perfagent

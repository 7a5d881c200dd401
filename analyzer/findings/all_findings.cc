#include "analyzer/findings/all_findings.h"

#include <algorithm>
#include <iterator>

#include "analyzer/findings/heap_findings.h"
#include "analyzer/findings/lock_findings.h"

namespace perfagent {
namespace {

// What may well be wrong is worth less of the reader's time.
double Trust(Confidence confidence) {
  return confidence == Confidence::kHigh ? 1 : confidence == Confidence::kMedium ? 0.5 : 0.25;
}

}  // namespace

double Urgency(const Finding& finding) { return finding.stake * Trust(finding.confidence); }

Findings FindProblems(const NamedProfile& named, const Sections& sections,
                      std::optional<uint64_t> memory_limit) {
  Findings findings = FindHeapProblems(named, sections, memory_limit);
  if (sections.contention) std::ranges::move(FindLockProblems(named), std::back_inserter(findings));
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return Urgency(a) > Urgency(b); });
  return findings;
}

}  // namespace perfagent

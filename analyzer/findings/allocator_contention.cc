// allocator_contention.cc: threads wait for one another inside malloc and free.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "analyzer/findings/allocator_waits.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/model/frame_kinds.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

// Of the process's time, all threads' waits added up.
constexpr double kMuch = 0.05;
constexpr uint64_t kFewWaits = 20;
constexpr size_t kMostCallers = 3;

constexpr char kRemedy[] =
    "allocate less where the threads do it most: keep buffers, reserve, one arena for what ends "
    "together; give the allocator more arenas and its threads caches, or take another one "
    "(perfagent compare --allocators)";

using AmountByName = std::map<std::string, double>;

// Those with the greatest amounts; `describe` says what the amount is.
void AddCallers(const AmountByName& callers, absl::FunctionRef<std::string(double)> describe,
                Finding* finding) {
  std::vector<std::pair<double, std::string>> most;
  for (const auto& [name, amount] : callers) most.emplace_back(amount, name);
  std::sort(most.rbegin(), most.rend());
  if (most.size() > kMostCallers) most.resize(kMostCallers);
  for (const auto& [amount, name] : most)
    finding->evidence.push_back(absl::StrCat(describe(amount), " by ", name));
}

// Whose call of the allocator it was.
const SourceFrame* CallerOf(const NamedProfile& named, StackId stack) {
  const SourceFrame* best = nullptr;
  for (const SourceFrame* frame : named.names.Frames(stack)) {
    if (frame->module == named.profile.dump.process.facts.allocator) continue;
    if (best == nullptr || PlaceRank(*frame) > PlaceRank(*best)) best = frame;
  }
  return best;
}

Finding Accuse(const HeapCase& heap, std::string title) {
  Finding finding;
  finding.kind = "allocator_contention";
  finding.title = std::move(title);
  finding.where.allocator = heap.facts().allocator;
  finding.remedy = kRemedy;
  return finding;
}

void AddGain(const HeapCase& heap, const Estimate& ns, Finding* finding) {
  finding->gains.time_ns = ns;
  finding->gain =
      absl::StrCat("at most ", FormatEstimate(ns, FormatDuration),
                   " of waiting: ", FormatShare(ns.value, heap.duration_ns()),
                   " of the time that the program ran, ",
                   heap.named().profile.dump.process.thread_count(), " threads added up");
  finding->stake = ns.low / heap.duration_ns();
}

// Of an allocator whose locks are seen.
void FindWaits(HeapCase* heap, Findings* findings) {
  const NamedProfile& named = heap->named();
  Waits all;
  Estimate ns;
  AmountByName callers;
  double all_kept_ns = 0;
  for (const Lock* lock : AllocatorLocks(named)) {
    all.Add(lock->contended, lock->wait_ns);
    ns = SumOf(ns, WaitNs(*lock));
    for (const LockWaits& waits : lock->waits) {
      all_kept_ns += waits.wait_ns.value();
      if (const SourceFrame* caller = CallerOf(named, waits.stack))
        callers[caller->function] += waits.wait_ns.value();
    }
  }
  if (all.contended < kFewWaits || ns.low < kMuch * heap->duration_ns()) return;
  Finding finding = Accuse(*heap, absl::StrCat("threads wait for one another inside malloc: ",
                                               FormatDuration(ns.value)));
  finding.evidence = {absl::StrCat(FormatCount(static_cast<double>(all.contended)),
                                   " waits for the allocator's own locks in ",
                                   FormatDuration(heap->duration_ns()))};
  AddCallers(
      callers,
      [&](double kept_ns) {
        return absl::StrCat(FormatShare(kept_ns, all_kept_ns), " of it in calls");
      },
      &finding);
  AddGain(*heap, ns, &finding);
  finding.confidence = Confidence::kHigh;
  findings->push_back(std::move(finding));
  heap->ExplainWaits();
}

// The places that allocate blocks of these sizes, or of any where only frees are slow whose sizes are not known.
AmountByName CallersOf(const HeapCase& heap, const std::vector<SlowCalls>& slow) {
  AmountByName callers;
  const bool is_size_known = std::any_of(
      slow.begin(), slow.end(), [](const SlowCalls& calls) { return calls.size_bucket != 0; });
  for (const HeapSite& site : heap.heap().sites) {
    if (site.metrics.allocations.value() <= 0) continue;
    const size_t bucket = SizeBucketOf(static_cast<uint64_t>(MeanSize(site)));
    const bool is_slow = std::any_of(slow.begin(), slow.end(), [&](const SlowCalls& calls) {
      return calls.size_bucket == bucket;
    });
    const SourceFrame* caller = heap.named().names.Headline(site.stack);
    if ((is_slow || !is_size_known) && caller != nullptr)
      callers[caller->function] += site.metrics.allocations.value();
  }
  return callers;
}

// Of one whose calls alone are seen.
void FindSlowFrees(HeapCase* heap, Findings* findings) {
  const std::vector<SlowCalls> slow = WaitingCalls(heap->named());
  Estimate ns;
  for (const SlowCalls& calls : slow) ns = SumOf(ns, calls.durations->ns.Interval());
  if (slow.empty() || ns.low < kMuch * heap->duration_ns()) return;
  Finding finding = Accuse(*heap, "threads wait for one another inside malloc and free");
  for (const SlowCalls& calls : slow) finding.evidence.push_back(Describe(calls));
  AddCallers(
      CallersOf(*heap, slow),
      [](double blocks) {
        return absl::StrCat("about ", FormatCount(blocks), " blocks of such sizes allocated");
      },
      &finding);
  AddGain(*heap, ns, &finding);
  finding.confidence = Confidence::kMedium;
  findings->push_back(std::move(finding));
  heap->ExplainWaits();
}

}  // namespace

void FindAllocatorContention(HeapCase* heap, Findings* findings) {
  if (heap->duration_ns() <= 0) return;
  FindWaits(heap, findings);
  FindSlowFrees(heap, findings);
}

}  // namespace perfagent

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// In less, a tick is shorter than what a reader calls a spike.
constexpr double kLeastNs = 1e9;
// Of the usual rate.
constexpr double kTimes = 10;
// Of the tick: the allocator alone takes so much of it.
constexpr double kShareOfTick = 0.05;
// Twice is chance; what fills more than a tenth of the time is no burst.
constexpr size_t kSeveral = 3;
constexpr size_t kMost = kTicks / 10;

struct Bursts {
  double usual = 0;  // calls in a tick: the median
  double most = 0;
  double calls = 0;  // in all of them
  size_t ticks = 0;
  size_t times = 0;  // stretches of such ticks
  std::array<bool, kSlots> in_slot = {};
};

// What is sampled comes in lumps: a block stands for many calls, and a few of them in one tick are no burst.
double LeastCalls(const HeapCase& heap) {
  const HeapMetrics& total = heap.heap().total;
  const double mean_size = total.bytes.value() / std::max(total.allocations.value(), 1.0);
  const auto interval = static_cast<double>(heap.heap().widest_interval_bytes);
  return kFewSamples * std::max(interval / std::max(mean_size, 1.0), 1.0);
}

Bursts BurstsIn(const HeapCase& heap) {
  const double tick_ns = heap.duration_ns() / static_cast<double>(kTicks);
  const std::array<double, kTicks>& calls = heap.heap().calls;
  constexpr size_t kFirst = kStartSlots * kTicksPerSlot;
  constexpr size_t kEnd = kFirstSlotOfEnd * kTicksPerSlot;
  std::vector<double> sorted(calls.begin() + kFirst, calls.begin() + kEnd);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2),
                   sorted.end());
  Bursts bursts;
  bursts.usual = sorted[sorted.size() / 2];
  const double least = LeastCalls(heap);
  bool in_burst = false;
  for (size_t i = kFirst; i < kEnd; ++i) {
    const bool is_burst = calls[i] > std::max(kTimes * bursts.usual, least) &&
                          calls[i] * kPairNs > kShareOfTick * tick_ns;
    if (is_burst) {
      bursts.most = std::max(bursts.most, calls[i]);
      bursts.calls += calls[i];
      ++bursts.ticks;
      bursts.times += !in_burst;
      bursts.in_slot[i / kTicksPerSlot] = true;
    }
    in_burst = is_burst;
  }
  return bursts;
}

// Calls in the slots with bursts beyond those in as many others.
double CallsInBursts(const HeapSite& site, const Bursts& bursts) {
  double inside = 0, outside = 0;
  for (const SiteHistory::Change& change : site.evidence.history.changes()) {
    if (change.slot < kStartSlots || change.slot >= kFirstSlotOfEnd) continue;
    (bursts.in_slot[change.slot] ? inside : outside) += change.calls;
  }
  const auto slots_inside =
      static_cast<double>(std::count(bursts.in_slot.begin(), bursts.in_slot.end(), true));
  const double slots_outside = kFirstSlotOfEnd - kStartSlots - slots_inside;
  return inside - (slots_outside > 0 ? outside / slots_outside * slots_inside : 0);
}

}  // namespace

void FindChurnBursts(HeapCase* heap, Findings* findings) {
  if (heap->duration_ns() < kLeastNs) return;
  const Bursts bursts = BurstsIn(*heap);
  if (bursts.times < kSeveral || bursts.ticks > kMost) return;
  const std::vector<const HeapSite*> sites =
      heap->Sites([&](const HeapSite& site) { return CallsInBursts(site, bursts); });
  if (sites.empty()) return;
  const HeapSite& site = *sites.front();
  const double tick_ns = heap->duration_ns() / static_cast<double>(kTicks);
  Finding finding = heap->Accuse(site, "churn_burst");
  finding.title = absl::StrCat("allocations come in bursts: ", bursts.times, " times, of up to ",
                               FormatCount(bursts.most), " calls in ", FormatDuration(tick_ns));
  finding.evidence = {
      absl::StrCat("usually there are ", FormatCount(bursts.usual), " in ", FormatDuration(tick_ns),
                   " (median)"),
      absl::StrCat(FormatCount(std::min(CallsInBursts(site, bursts), bursts.calls)), " of ",
                   FormatCount(bursts.calls),
                   " calls in bursts are made here, and each burst ends ",
                   FormatDuration(bursts.calls * kPairNs / static_cast<double>(bursts.times)),
                   " later for it")};
  finding.gain =
      absl::StrCat("spikes shorter by about ",
                   FormatDuration(bursts.calls * kPairNs / static_cast<double>(bursts.times)));
  finding.remedy = "spread the work, or take what it needs from a pool that is filled beforehand";
  finding.confidence = heap->Trust(site, Confidence::kMedium);
  finding.stake = bursts.calls * kPairNs / heap->busy_ns();
  findings->push_back(std::move(finding));
}

}  // namespace perfagent

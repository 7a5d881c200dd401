#include "analyzer/findings/heap_case.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

double BusyNs(const Profile& profile) {
  const AgentCost cost = profile.dump.Cost();
  const auto own_ns = static_cast<double>(cost.cpu_ns) - static_cast<double>(cost.slow_path_ns);
  const auto ran_ns = static_cast<double>(profile.dump.process.facts.duration_ns);
  return std::max(cost.cpu_ns == 0 ? ran_ns : own_ns, 1.0);
}

}  // namespace

HeapCase::HeapCase(const NamedProfile& named, std::optional<uint64_t> memory_limit)
    : named_(named),
      memory_limit_(memory_limit),
      classes_(SizeClassesOf(facts().allocator)),
      busy_ns_(BusyNs(named.profile)),
      is_explained_(heap().sites.size()) {}

std::vector<const HeapSite*> HeapCase::Sites(
    const std::function<double(const HeapSite&)>& measure) const {
  std::vector<std::pair<double, const HeapSite*>> measured;
  for (const HeapSite& site : heap().sites) {
    if (is_explained_[IndexOf(site)] || site.metrics.allocations.seen() < kFewSamples) continue;
    if (const double amount = measure(site); amount > 0) measured.emplace_back(amount, &site);
  }
  std::stable_sort(measured.begin(), measured.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<const HeapSite*> sites;
  sites.reserve(measured.size());
  for (const auto& [amount, site] : measured) sites.push_back(site);
  return sites;
}

Finding HeapCase::Accuse(const HeapSite& site, const char* kind) const {
  return {.kind = kind,
          .title = {},
          .where = {.stack = named_.names.Frames(site.stack),
                    .site = site.stack,
                    .place = named_.names.Headline(site.stack)},
          .evidence = {},
          .gain = {},
          .remedy = {}};
}

Confidence HeapCase::Trust(const HeapSite& site, Confidence confidence) const {
  const Tally& allocations = site.metrics.allocations;
  return allocations.IsCertain() || allocations.seen() >= kManySamples ? confidence
                                                                       : Confidence::kLow;
}

double MeanSize(const HeapSite& site) {
  return site.metrics.bytes.value() / site.metrics.allocations.value();
}

double BlocksAtPeak(const HeapSite& site) {
  return site.metrics.peak_bytes.value() / std::max(MeanSize(site), 1.0);
}

double ShareOf(const Tally& part, const Tally& whole) {
  return whole.value() > 0 ? part.value() / whole.value() : 0;
}

Estimate CostOf(const Tally& events, double each) {
  const Estimate number = events.Interval();
  return {number.value * each, number.low * each, number.high * each};
}

Estimate SumOf(const Estimate& a, const Estimate& b) {
  return {a.value + b.value, a.low + b.low, a.high + b.high};
}

Estimate OfItsTime(const HeapCase& heap, const Estimate& ns) {
  const auto at_most_all = [&](double value) { return std::min(value, heap.busy_ns()); };
  return {at_most_all(ns.value), at_most_all(ns.low), at_most_all(ns.high)};
}

std::string TimeGain(const HeapCase& heap, const Estimate& ns) {
  return absl::StrCat("about ", FormatEstimate(ns, FormatDuration), ", ",
                      FormatShare(ns.value, heap.busy_ns()), " of the program's CPU time");
}

double MedianLifetimeNs(const HeapCase& heap, const HeapSite& site) {
  return site.lifetimes.IsEmpty() ? heap.duration_ns()
                                  : site.lifetimes.Median(heap.facts().duration_ns).value;
}

}  // namespace perfagent

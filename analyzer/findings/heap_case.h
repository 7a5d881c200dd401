// heap_case.h: what rules about the heap judge by, and what they have in common.
//
// A site that one rule explains is not accused again of what follows from it: blocks that a regular expression's
// construction makes are short-lived, but a pool for them is no remedy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/findings/finding.h"
#include "analyzer/model/size_classes.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

// A call of malloc and its free, in glibc: 10 ns in a loop (tests/bench/pair alloc), twice that with what it pushes out of
// the caches.
inline constexpr double kPairNs = 20;
// A byte that is copied from where it was last used to where it was never: 5 GB/s.
inline constexpr double kCopyNsPerByte = 0.2;
// Of the program's time: what is less cannot be told from noise when it is gone.
inline constexpr double kWorthTime = 0.005;
// Of the heap's peak, likewise; and a heap in which that is less than 64 KiB is none that is too large.
inline constexpr double kWorthMemory = 0.05;
inline constexpr double kWorthBytes = 64 << 10;
// Fewer calls are no loop's.
inline constexpr double kManyCalls = 1000;
// A rule that accuses more sites than these says what the program is like, not what to fix.
inline constexpr size_t kMostOfARule = 3;
// Sampled blocks from which a site's figures are worth a word, and from which they are good.
inline constexpr double kFewSamples = 20;
inline constexpr double kManySamples = 100;

class HeapCase {
 public:
  HeapCase(const NamedProfile& named, std::optional<uint64_t> memory_limit);

  const NamedProfile& named() const { return named_; }
  const HeapProfile& heap() const { return named_.profile.heap; }
  const ProcessFacts& facts() const { return named_.profile.dump.process.facts; }
  double duration_ns() const { return static_cast<double>(facts().duration_ns); }
  // The program's own CPU time, without the agent's; where that is not known, as long as it ran.
  double busy_ns() const { return busy_ns_; }
  double peak_bytes() const { return heap().total.peak_bytes.value(); }
  // Bytes that the process may take, if its user said so.
  std::optional<uint64_t> memory_limit() const { return memory_limit_; }
  SizeClasses classes() const { return classes_; }

  // The sites of which `measure` is above 0, greatest first, without those that are explained or seen too rarely.
  std::vector<const HeapSite*> Sites(const std::function<double(const HeapSite&)>& measure) const;
  void Explain(const HeapSite& site) { is_explained_[IndexOf(site)] = true; }
  // Threads wait for one another inside the allocator: its calls are slow therefore.
  void ExplainWaits() { are_waits_explained_ = true; }
  bool AreWaitsExplained() const { return are_waits_explained_; }
  size_t IndexOf(const HeapSite& site) const {
    return static_cast<size_t>(&site - heap().sites.data());
  }

  Finding Accuse(const HeapSite& site, const char* kind) const;
  // As high as that, if the site was seen often enough.
  Confidence Trust(const HeapSite& site, Confidence confidence) const;

 private:
  const NamedProfile& named_;
  const std::optional<uint64_t> memory_limit_;
  const SizeClasses classes_;
  double busy_ns_;
  bool are_waits_explained_ = false;
  std::vector<bool> is_explained_;  // by index in HeapProfile::sites
};

// Those in text that every rule prints: "12,345 calls of 64 B".
double MeanSize(const HeapSite& site);
// Blocks that were live when the whole heap was largest, about.
double BlocksAtPeak(const HeapSite& site);
double ShareOf(const Tally& part, const Tally& whole);
// Of these events, so many ns (or bytes) each.
Estimate CostOf(const Tally& events, double each);
// Of two that depend on each other: their errors add.
Estimate SumOf(const Estimate& a, const Estimate& b);
// So much of the program's CPU time: at most all of it.
Estimate OfItsTime(const HeapCase& heap, const Estimate& ns);
// "about 12.3 ms, 4.5 % of the program's CPU time", of such; with its interval where it has one.
std::string TimeGain(const HeapCase& heap, const Estimate& ns);
// The middle of the histogram of lifetimes.
double MedianLifetimeNs(const HeapCase& heap, const HeapSite& site);

}  // namespace perfagent

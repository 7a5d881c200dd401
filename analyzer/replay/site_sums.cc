#include "analyzer/replay/site_sums.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace perfagent {
namespace {

// Far enough ahead for memory to answer, near enough for the first-level cache to keep it.
constexpr size_t kChangesAhead = 12;

// Of the rounded sums, so that nothing is rounded away.
uint64_t RoundedGrowth(double before, double now) {
  return static_cast<uint64_t>(std::llround(now) - std::llround(before));
}

}  // namespace

void SiteSums::Apply(std::span<const Change> changes) {
  for (size_t i = 0; i < changes.size(); ++i) {
    if (i + kChangesAhead < changes.size()) Prefetch(changes[i + kChangesAhead].site);
    const Change& change = changes[i];
    Exact& site = exact_[At(change.site)];
    if (site.settled != epoch_) [[unlikely]]
      Settle(change.site, &site);
    if (change.copied || change.grown) [[unlikely]]
      ApplyCopy(change);
    if (change.interval_bytes == 0) [[likely]] {
      ApplyExact(change, &site);
    } else {
      ApplyEstimated(change, &EstimatedOf(change.site));
    }
  }
}

void SiteSums::Prefetch(SiteId site) const {
  const Exact* exact = exact_.Find(At(site));
  if (exact == nullptr) return;
  for (size_t offset = 0; offset < sizeof *exact; offset += kCacheLine)
    __builtin_prefetch(reinterpret_cast<const char*>(exact) + offset);
}

void SiteSums::ApplyExact(const Change& change, Exact* site) {
  switch (change.kind) {
    case Change::kBegin:
      site->begun.bytes += change.size;
      ++site->begun.blocks;
      site->taken_bytes += TakenBytes(classes_, change.size);
      site->least_size = std::min(site->least_size, change.size);
      site->greatest_size = std::max(site->greatest_size, change.size);
      site->live.bytes += change.size;
      ++site->live.blocks;
      return;
    case Change::kEnter:
      site->live.bytes += change.size;
      ++site->live.blocks;
      return;
    case Change::kFree:
      ++site->frees;
      site->temporary += change.temporary;
      site->cross_thread += change.cross_thread;
      break;
    case Change::kRealloc:
      ++site->reallocations;
      break;
    default:
      break;
  }
  if (change.kind != Change::kLeave) {
    lifetimes_[At(change.site)].Add(change.lifetime_ns);
    NoteEnd(change, 1);
    if (!change.shrinks) return;
  }
  site->live.bytes -= change.size;
  --site->live.blocks;
}

void SiteSums::ApplyEstimated(const Change& change, Estimated* site) {
  const Weight weight = change.WeightNow();
  const double bytes = static_cast<double>(change.size);
  HeapMetrics& metrics = site->metrics;
  switch (change.kind) {
    case Change::kBegin:
      metrics.allocations.Add(1, weight);
      metrics.bytes.Add(bytes, weight);
      site->taken_bytes.Add(static_cast<double>(TakenBytes(classes_, change.size)), weight);
      site->least_size = std::min(site->least_size, change.size);
      site->greatest_size = std::max(site->greatest_size, change.size);
      site->live_bytes.Add(bytes, weight);
      return;
    case Change::kEnter:
      site->live_bytes.Add(bytes, weight);
      return;
    case Change::kThinned:
      if (change.grows) site->live_bytes.Add(bytes, weight);
      metrics.MayMissEndsOf(bytes, weight);
      site->lifetimes.MayMissEndOf(weight);
      return;
    case Change::kLeave:
      site->live_bytes.Remove(bytes, weight);
      return;
    case Change::kFree:
      metrics.frees.Add(1, weight);
      if (change.temporary) metrics.temporary.Add(1, weight);
      if (change.cross_thread) metrics.cross_thread_frees.Add(1, weight);
      break;
    default:
      metrics.reallocations.Add(1, weight);
  }
  site->lifetimes.Add(change.lifetime_ns, weight);
  NoteEnd(change, weight.factor);
  if (change.shrinks) site->live_bytes.Remove(bytes, weight);
}

void SiteSums::ApplyCopy(const Change& change) {
  const bool is_large = change.copied && change.size >= kLargeCopy;
  if (!is_large && !change.grown) return;
  if (change.interval_bytes == 0) {
    ExactCopies& copies = copies_[At(change.site)].Make();
    Amount& amount = is_large ? copies.large : copies.grown;
    ++amount.blocks;
    amount.bytes += change.size;
    return;
  }
  const Weight weight = change.WeightNow();
  Copies& copies = EstimatedOf(change.site).copies;
  (is_large ? copies.large : copies.grown).Add(1, weight);
  (is_large ? copies.large_bytes : copies.grown_bytes)
      .Add(static_cast<double>(change.size), weight);
}

void SiteSums::NoteEnd(const Change& change, double blocks) {
  if (tick_ < kFirstSlotOfEnd * kTicksPerSlot) [[likely]]
    return;
  ended_later_[At(change.site)].Make().counts[LifetimeBucket(change.lifetime_ns)] += blocks;
}

void SiteSums::Settle(SiteId id, Exact* site) {
  if (site->settled < peak_epoch_) {
    site->peak = site->live;
    const auto* estimated = estimated_.Find(At(id));
    if (estimated != nullptr && *estimated != nullptr)
      (*estimated)->metrics.peak_bytes = (*estimated)->live_bytes;
  }
  if (site->tick != tick_) NoteTime(id, site);
  site->settled = epoch_;
}

// All that was called since the site was settled last was called in its tick, or nothing would have been settled then.
void SiteSums::NoteTime(SiteId id, Exact* site) {
  const double calls = CallsOf(id, *site);
  const double temporary = TemporaryOf(id, *site);
  const double bytes = BytesOf(id, *site);
  histories_[At(id)].Note(site->tick / kTicksPerSlot,
                          {.calls = RoundedGrowth(site->settled_calls, calls),
                           .temporary = RoundedGrowth(site->settled_temporary, temporary),
                           .bytes = bytes - site->settled_bytes,
                           .variance = TakeVarianceOf(id)},
                          LiveBytesOf(id, *site));
  calls_[site->tick] += calls - site->settled_calls;
  site->settled_calls = calls;
  site->settled_temporary = temporary;
  site->settled_bytes = bytes;
  site->tick = tick_;
}

double SiteSums::CallsOf(SiteId id, const Exact& site) const {
  const Estimated* estimated = FindEstimated(id);
  return static_cast<double>(site.begun.blocks) +
         (estimated == nullptr ? 0 : estimated->metrics.allocations.value());
}

double SiteSums::TemporaryOf(SiteId id, const Exact& site) const {
  const Estimated* estimated = FindEstimated(id);
  return static_cast<double>(site.temporary) +
         (estimated == nullptr ? 0 : estimated->metrics.temporary.value());
}

double SiteSums::BytesOf(SiteId id, const Exact& site) const {
  const Estimated* estimated = FindEstimated(id);
  return static_cast<double>(site.begun.bytes) +
         (estimated == nullptr ? 0 : estimated->metrics.bytes.value());
}

// Of the bytes since it was taken last.
double SiteSums::TakeVarianceOf(SiteId id) {
  if (FindEstimated(id) == nullptr) return 0;
  Estimated& estimated = EstimatedOf(id);
  const double variance = estimated.metrics.bytes.variance();
  return variance - std::exchange(estimated.settled_variance, variance);
}

double SiteSums::LiveBytesOf(SiteId id, const Exact& site) const {
  const Estimated* estimated = FindEstimated(id);
  return static_cast<double>(site.live.bytes) +
         (estimated == nullptr ? 0 : std::max(estimated->live_bytes.value(), 0.0));
}

const SiteSums::Estimated* SiteSums::FindEstimated(SiteId site) const {
  const auto* estimated = estimated_.Find(At(site));
  return estimated == nullptr ? nullptr : estimated->get();
}

SiteSums::Estimated& SiteSums::EstimatedOf(SiteId site) {
  std::unique_ptr<Estimated>& estimated = estimated_[At(site)];
  if (estimated == nullptr) estimated = std::make_unique<Estimated>();
  return *estimated;
}

void SiteSums::AddLeft(const Block& block, size_t slot) {
  if (block.dropped) return;
  Settle(block.site, &exact_[At(block.site)]);
  const auto bytes = static_cast<double>(block.size);
  const bool is_exact = block.interval_bytes == 0;
  const Weight weight = is_exact ? Weight() : Weight::OfBlock(block.size, block.interval_bytes);
  histories_[At(block.site)].NoteLeak(slot, bytes * weight.factor);
  // Exact::live has it already; running sums of estimates carry rounding errors.
  if (is_exact) return;
  HeapMetrics& metrics = EstimatedOf(block.site).metrics;
  metrics.live_bytes.Add(bytes, weight);
  metrics.live_blocks.Add(1, weight);
}

void SiteSums::DropLeft(const Block& block) {
  if (block.dropped || block.interval_bytes != 0) return;  // AddLeft was not called for it
  Exact& site = exact_[At(block.site)];
  Settle(block.site, &site);
  site.live.bytes -= block.size;
  --site.live.blocks;
}

void SiteSums::Finish(size_t sites) {
  for (size_t i = 0; i < sites; ++i) Settle(SiteId(i << part_bits_), &exact_[i]);
}

void SiteSums::AddTo(SiteId id, HeapSite* sum) {
  const Exact& site = exact_[At(id)];
  HeapMetrics* metrics = &sum->metrics;
  if (const Estimated* estimated = FindEstimated(id)) {
    metrics->Merge(estimated->metrics);
    sum->lifetimes.Merge(estimated->lifetimes);
  }
  const auto add_count = [](uint64_t count, Tally* tally) {
    tally->AddCertain(static_cast<double>(count));
  };
  site.begun.AddTo(&metrics->bytes);
  add_count(site.begun.blocks, &metrics->allocations);
  site.live.AddTo(&metrics->live_bytes);
  add_count(site.live.blocks, &metrics->live_blocks);
  site.peak.AddTo(&metrics->peak_bytes);
  add_count(site.frees, &metrics->frees);
  add_count(site.temporary, &metrics->temporary);
  add_count(site.cross_thread, &metrics->cross_thread_frees);
  add_count(site.reallocations, &metrics->reallocations);
  if (const ExactLifetimes* exact = lifetimes_.Find(At(id))) sum->lifetimes.Add(*exact);
  AddEvidence(id, site, &sum->evidence);
}

void SiteSums::AddEvidence(SiteId id, const Exact& site, SiteEvidence* evidence) {
  evidence->least_size = std::min(evidence->least_size, site.least_size);
  evidence->greatest_size = std::max(evidence->greatest_size, site.greatest_size);
  evidence->taken_bytes.AddCertain(static_cast<double>(site.taken_bytes));
  const auto* copies = copies_.Find(At(id));
  if (copies != nullptr && copies->IsMade()) {
    Copies& sum = evidence->copies.Make();
    sum.grown.AddCertain(static_cast<double>((*copies)->grown.blocks));
    (*copies)->grown.AddTo(&sum.grown_bytes);
    sum.large.AddCertain(static_cast<double>((*copies)->large.blocks));
    (*copies)->large.AddTo(&sum.large_bytes);
  }
  if (const Estimated* estimated = FindEstimated(id)) {
    evidence->least_size = std::min(evidence->least_size, estimated->least_size);
    evidence->greatest_size = std::max(evidence->greatest_size, estimated->greatest_size);
    evidence->taken_bytes.Merge(estimated->taken_bytes);
    if (!estimated->copies.grown.IsEmpty() || !estimated->copies.large.IsEmpty())
      evidence->copies.Make().Merge(estimated->copies);
  }
  if (histories_.Find(At(id)) != nullptr) evidence->history.Merge(std::move(histories_[At(id)]));
  const auto* ages = ended_later_.Find(At(id));
  if (ages != nullptr && ages->IsMade()) evidence->ended_later.Make().Merge(**ages);
}

}  // namespace perfagent

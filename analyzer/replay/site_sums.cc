#include "analyzer/replay/site_sums.h"

#include <algorithm>

namespace perfagent {
namespace {

// Far enough ahead for memory to answer, near enough for the first-level cache to keep it.
constexpr size_t kChangesAhead = 12;

}  // namespace

void SiteSums::Apply(std::span<const Change> changes) {
  for (size_t i = 0; i < changes.size(); ++i) {
    if (i + kChangesAhead < changes.size()) Prefetch(changes[i + kChangesAhead].site);
    const Change& change = changes[i];
    Exact& site = exact_[change.site.value()];
    Settle(change.site, &site);
    if (change.interval_bytes == 0) [[likely]] {
      ApplyExact(change, &site);
    } else {
      ApplyEstimated(change, &EstimatedOf(change.site));
    }
  }
}

void SiteSums::Prefetch(SiteId site) const {
  const Exact* exact = exact_.Find(site.value());
  if (exact == nullptr) return;
  __builtin_prefetch(exact);
  __builtin_prefetch(exact + 1);
}

void SiteSums::ApplyExact(const Change& change, Exact* site) {
  switch (change.kind) {
    case Change::kBegin:
      site->begun.bytes += change.size;
      ++site->begun.blocks;
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
    lifetimes_[change.site.value()].Add(change.lifetime_ns);
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
  if (change.shrinks) site->live_bytes.Remove(bytes, weight);
}

void SiteSums::Settle(SiteId id, Exact* site) {
  if (site->settled == peaks_) return;
  site->settled = peaks_;
  site->peak = site->live;
  const auto* estimated = estimated_.Find(id.value());
  if (estimated != nullptr && *estimated != nullptr)
    (*estimated)->metrics.peak_bytes = (*estimated)->live_bytes;
}

SiteSums::Estimated& SiteSums::EstimatedOf(SiteId site) {
  std::unique_ptr<Estimated>& estimated = estimated_[site.value()];
  if (estimated == nullptr) estimated = std::make_unique<Estimated>();
  return *estimated;
}

void SiteSums::AddLeft(const Block& block) {
  // Exact::live has it already; running sums of estimates carry rounding errors.
  if (block.dropped || block.interval_bytes == 0) return;
  const Weight weight = Weight::OfBlock(block.size, block.interval_bytes);
  HeapMetrics& metrics = EstimatedOf(block.site).metrics;
  metrics.live_bytes.Add(static_cast<double>(block.size), weight);
  metrics.live_blocks.Add(1, weight);
}

void SiteSums::DropLeft(const Block& block) {
  if (block.dropped || block.interval_bytes != 0) return;  // AddLeft was not called for it
  Exact& site = exact_[block.site.value()];
  Settle(block.site, &site);
  site.live.bytes -= block.size;
  --site.live.blocks;
}

void SiteSums::AddTo(SiteId id, HeapMetrics* metrics, Lifetimes* lifetimes) {
  Exact& site = exact_[id.value()];
  Settle(id, &site);
  const auto* estimated = estimated_.Find(id.value());
  if (estimated != nullptr && *estimated != nullptr) {
    metrics->Merge((*estimated)->metrics);
    lifetimes->Merge((*estimated)->lifetimes);
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
  if (const ExactLifetimes* exact = lifetimes_.Find(id.value())) lifetimes->Add(*exact);
}

}  // namespace perfagent

#include "analyzer/export/stack_costs.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace perfagent {
namespace {

const Tally& HeapTally(const HeapMetrics& metrics, StackMetric metric) {
  switch (metric) {
    case StackMetric::kAllocations:
      return metrics.allocations;
    case StackMetric::kTemporary:
      return metrics.temporary;
    case StackMetric::kLiveBlocks:
      return metrics.live_blocks;
    case StackMetric::kLiveBytes:
      return metrics.live_bytes;
    case StackMetric::kLeakedBlocks:
      return metrics.leaked_blocks;
    case StackMetric::kLeakedBytes:
      return metrics.leaked_bytes;
    case StackMetric::kPeakBytes:
      return metrics.peak_bytes;
    default:
      return metrics.bytes;
  }
}

// Rows before they are rounded.
class Rows {
 public:
  explicit Rows(std::span<const StackMetric> metrics) : metrics_(metrics) {}

  void Add(StackId stack, const Lock* lock, StackMetric metric, double value) {
    const auto column = std::find(metrics_.begin(), metrics_.end(), metric);
    if (column == metrics_.end() || value <= 0) return;
    const auto [found, is_new] = row_at_.try_emplace({stack, lock}, rows_.size());
    if (is_new) {
      rows_.push_back({.stack = stack, .lock = lock});
      values_.resize(values_.size() + metrics_.size());
    }
    values_[found->second * metrics_.size() + static_cast<size_t>(column - metrics_.begin())] +=
        value;
  }

  StackCosts Finish() {
    StackCosts costs;
    std::vector<double> column(rows_.size());
    for (size_t i = 0; i < metrics_.size(); ++i) {
      for (size_t row = 0; row < rows_.size(); ++row)
        column[row] = values_[row * metrics_.size() + i];
      const std::vector<uint64_t> rounded = RoundKeepingTotal(column);
      costs.totals.push_back(std::accumulate(rounded.begin(), rounded.end(), uint64_t{0}));
      for (size_t row = 0; row < rows_.size(); ++row) rows_[row].values.push_back(rounded[row]);
    }
    costs.rows = std::move(rows_);
    std::erase_if(costs.rows, [](const StackRow& row) {
      return std::all_of(row.values.begin(), row.values.end(),
                         [](uint64_t value) { return value == 0; });
    });
    return costs;
  }

 private:
  const std::span<const StackMetric> metrics_;
  absl::flat_hash_map<std::pair<StackId, const Lock*>, size_t> row_at_;
  std::vector<StackRow> rows_;
  std::vector<double> values_;  // of each row, so many as there are metrics
};

// The rows of one lock's waits.
class LockRows {
 public:
  LockRows(const Lock& lock, StackNames* names, Rows* rows)
      : lock_(lock), names_(names), rows_(rows) {}

  void Add() {
    Tally waits, wait_ns;
    for (const LockWaits& kept : lock_.waits) {
      waits.Merge(kept.waits);
      wait_ns.Merge(kept.wait_ns);
    }
    if (lock_.waits.empty()) {
      AddCallers();
    } else if (waits.IsCertain()) {
      AddKept(1, 1);
      AddLost(waits.value(), wait_ns.value());
    } else {
      AddKept(Scale(lock_.contended, waits.value()), Scale(lock_.wait_ns, wait_ns.value()));
    }
    for (const LockPair& pair : lock_.pairs)
      rows_->Add(pair.holder, &lock_, StackMetric::kBlameNs, pair.wait_ns.value());
  }

 private:
  static double Scale(uint64_t known, double estimated) {
    return estimated > 0 ? static_cast<double>(known) / estimated : 1;
  }

  void AddWaits(StackId stack, double waits, double wait_ns) {
    rows_->Add(stack, &lock_, StackMetric::kContended, waits);
    rows_->Add(stack, &lock_, StackMetric::kWaitNs, wait_ns);
  }

  void AddKept(double scale, double time_scale) {
    for (const LockWaits& kept : lock_.waits)
      AddWaits(kept.stack, kept.waits.value() * scale, kept.wait_ns.value() * time_scale);
  }

  void AddLost(double kept, double kept_ns) {
    const SourceFrame lost{.function = kLostStack, .file = {}, .line = 0, .module = {}};
    const SourceFrame* frame = &lost;
    AddWaits(names_->Make({&frame, 1}, /*is_truncated=*/true),
             static_cast<double>(lock_.contended) - kept,
             static_cast<double>(lock_.wait_ns) - kept_ns);
  }

  void AddCallers() {
    for (const LockCaller& caller : lock_.callers) {
      const SourceFrame* frame = names_->Headline(caller.pc);
      AddWaits(names_->Make({&frame, 1}, /*is_truncated=*/true),
               static_cast<double>(caller.contended), static_cast<double>(caller.wait_ns));
    }
  }

  const Lock& lock_;
  StackNames* names_;
  Rows* rows_;
};

}  // namespace

std::vector<uint64_t> RoundKeepingTotal(std::span<const double> values) {
  std::vector<uint64_t> rounded;
  std::vector<std::pair<double, size_t>> fractions;
  double total = 0, whole = 0;
  for (const double value : values) {
    const double kept = std::max(value, 0.0);
    const double floor = std::floor(kept);
    if (kept != floor) fractions.emplace_back(floor - kept, rounded.size());
    rounded.push_back(static_cast<uint64_t>(floor));
    total += kept;
    whole += floor;
  }
  const double missing = std::clamp(std::round(total) - whole, 0.0, double(fractions.size()));
  const auto up = fractions.begin() + static_cast<std::ptrdiff_t>(missing);
  std::nth_element(fractions.begin(), up, fractions.end());
  for (auto fraction = fractions.begin(); fraction != up; ++fraction) ++rounded[fraction->second];
  return rounded;
}

Waits OtherWaits(const LockProfile& locks) {
  Waits waits;
  for (const Lock& lock : locks.locks) {
    if (!lock.is_lock) waits.Add(lock.contended, lock.wait_ns);
  }
  return waits;
}

StackCosts CostsOf(const NamedProfile& named, std::span<const StackMetric> metrics) {
  Rows rows(metrics);
  if (Traits(metrics.front()).is_of_locks) {
    for (const Lock* lock : KnownLocks(named.profile.locks)) {
      if (lock->is_lock) LockRows(*lock, &named.names, &rows).Add();
    }
    return rows.Finish();
  }
  for (const HeapSite& site : named.profile.heap.sites) {
    for (const StackMetric metric : metrics)
      rows.Add(site.stack, nullptr, metric, HeapTally(site.metrics, metric).value());
  }
  return rows.Finish();
}

}  // namespace perfagent

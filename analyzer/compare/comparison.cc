#include "analyzer/compare/comparison.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "analyzer/compare/scatter.h"

namespace perfagent {
namespace {

class Comparer {
 public:
  explicit Comparer(Comparison* comparison) : comparison_(*comparison) {}

  void Run() {
    comparison_.total = ChangesOf(nullptr, nullptr);
    for (Match& match : MatchThings(&comparison_.base, &comparison_.now)) {
      if (!IsRecorded(match.either().is_lock)) continue;
      ThingChange change;
      change.metrics = ChangesOf(&match.base, &match.now);
      auto& list = match.either().is_lock ? comparison_.locks : comparison_.sites;
      change.match = std::move(match);
      list.push_back(std::move(change));
    }
    Judge();
    Rank(&comparison_.sites);
    Rank(&comparison_.locks);
  }

 private:
  using MaybeThing = std::optional<Thing>;

  bool IsRecorded(bool is_lock) const {
    return is_lock ? comparison_.has_locks : comparison_.has_heap;
  }

  // Of a match, or of the totals.
  std::vector<MetricChange> ChangesOf(const MaybeThing* base, const MaybeThing* now) const {
    const Figures of_base = FiguresOf(base, now, comparison_.base);
    const Figures of_now = FiguresOf(now, base, comparison_.now);
    const bool is_one_run = comparison_.IsOneRunOfTimed();
    std::vector<MetricChange> changes;
    ForEachMetric([&](Metric metric) {
      const MetricTraits& traits = Traits(metric);
      if (!traits.is_compared || !IsRecorded(!traits.is_heap)) return;
      if (base != nullptr && (*base ? **base : **now).is_lock == traits.is_heap) return;
      MetricChange change;
      change.metric = metric;
      change.base = of_base[metric];
      change.now = of_now[metric];
      change.difference = Compare(WithScatter(metric, of_base, is_one_run), comparison_.base.runs,
                                  WithScatter(metric, of_now, is_one_run), comparison_.now.runs);
      change.verdict = FirstVerdict(change, base == nullptr);
      changes.push_back(change);
    });
    return changes;
  }

  // Of a thing; of the whole side, where there is none; of what was only seen on the other side.
  static Figures FiguresOf(const MaybeThing* thing, const MaybeThing* other, const Side& side) {
    if (thing == nullptr) return side.total;
    if (*thing) return (*thing)->figures;
    Figures figures;
    ForEachMetric([&](Metric metric) { figures[metric] = FigureOfAbsent(side, **other, metric); });
    return figures;
  }

  // kUncertain is what is left to be tested.
  Verdict FirstVerdict(const MetricChange& change, bool is_total) const {
    if (change.base.mean.value == 0 && change.now.mean.value == 0) return Verdict::kSame;
    const Difference& difference = change.difference;
    const bool is_exact = change.base.mean.IsExact() && change.now.mean.IsExact();
    if (is_exact && difference.change.value == 0) return Verdict::kSame;
    if (!CanBeJudged(change, is_total)) return Verdict::kUnjudged;
    return difference.is_certain ? Verdict::kFact : Verdict::kUncertain;
  }

  // One run a side does not say how much runs differ. For counts of the heap that is taken to be nothing; waits depend on
  // timing in any program, the moment of the peak in one with threads, and what was live then in one that was sampled,
  // too. The highest of many estimates is too high, so that it is compared only with its like.
  bool CanBeJudged(const MetricChange& change, bool is_total) const {
    const bool is_peak = change.metric == Metric::kPeakBytes;
    if (is_peak && IsSampled(comparison_.base) != IsSampled(comparison_.now)) return false;
    if (comparison_.HasSeveralRuns()) return true;
    if (!is_peak) return !Traits(change.metric).is_timed;
    return !comparison_.IsOneRunOfTimed() && (is_total || !IsSampled(comparison_.base));
  }
  static bool IsSampled(const Side& side) { return side.widest_interval_bytes > 0; }

  void Judge() {
    std::vector<MetricChange*> tested;
    const auto collect = [&](std::vector<MetricChange>& changes) {
      for (MetricChange& change : changes) {
        if (change.verdict == Verdict::kUncertain) tested.push_back(&change);
      }
    };
    collect(comparison_.total);
    for (ThingChange& site : comparison_.sites) collect(site.metrics);
    for (ThingChange& lock : comparison_.locks) collect(lock.metrics);

    std::vector<double> p_values;
    p_values.reserve(tested.size());
    for (const MetricChange* change : tested) p_values.push_back(change->difference.p);
    const std::vector<double> adjusted = HolmAdjusted(p_values);
    for (size_t i = 0; i < tested.size(); ++i) {
      tested[i]->adjusted_p = adjusted[i];
      if (adjusted[i] < kSignificanceLevel) tested[i]->verdict = Verdict::kChanged;
    }
    comparison_.tested = tested.size();
  }

  double ShareOf(const MetricChange& change) const {
    const Metric whole = Traits(change.metric).whole;
    const double all =
        std::max(comparison_.base.total[whole].mean.value, comparison_.now.total[whole].mean.value);
    return all > 0 ? std::abs(change.difference.change.value) / all : 0;
  }

  void Rank(std::vector<ThingChange>* things) const {
    for (ThingChange& thing : *things) {
      const auto is_named = [](const MetricChange& change) { return change.IsNamed(); };
      thing.is_named = std::any_of(thing.metrics.begin(), thing.metrics.end(), is_named);
      for (const MetricChange& change : thing.metrics) {
        if (change.IsNamed() == thing.is_named)
          thing.share = std::max(thing.share, ShareOf(change));
      }
    }
    std::stable_sort(things->begin(), things->end(),
                     [](const ThingChange& a, const ThingChange& b) {
                       return a.is_named != b.is_named ? a.is_named : a.share > b.share;
                     });
  }

  Comparison& comparison_;
};

}  // namespace

const char* Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame:
      return "same";
    case Verdict::kFact:
      return "fact";
    case Verdict::kChanged:
      return "changed";
    case Verdict::kUncertain:
      return "uncertain";
    case Verdict::kUnjudged:
      return "unjudged";
  }
  return "";
}

Comparison CompareSides(Side base, Side now) {
  Comparison comparison;
  comparison.has_heap = base.has_heap && now.has_heap;
  comparison.has_locks = base.has_locks && now.has_locks;
  comparison.base = std::move(base);
  comparison.now = std::move(now);
  Comparer(&comparison).Run();
  return comparison;
}

}  // namespace perfagent

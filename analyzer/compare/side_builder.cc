#include "analyzer/compare/side_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "analyzer/compare/thing_names.h"
#include "analyzer/model/function_names.h"

namespace perfagent {
namespace {

void AddHeap(size_t run, const HeapMetrics& metrics, MetricSums* sums) {
  const std::pair<Metric, const Tally*> all[] = {
      {Metric::kAllocations, &metrics.allocations},
      {Metric::kBytes, &metrics.bytes},
      {Metric::kFrees, &metrics.frees},
      {Metric::kTemporary, &metrics.temporary},
      {Metric::kCrossThreadFrees, &metrics.cross_thread_frees},
      {Metric::kReallocations, &metrics.reallocations},
      {Metric::kLiveBytes, &metrics.live_bytes},
      {Metric::kLiveBlocks, &metrics.live_blocks},
      {Metric::kLeakedBytes, &metrics.leaked_bytes},
      {Metric::kLeakedBlocks, &metrics.leaked_blocks},
      {Metric::kPeakBytes, &metrics.peak_bytes},
  };
  for (const auto& [metric, tally] : all) (*sums)[metric].Add(run, *tally);
}

void AddLockTotals(size_t run, const LockProfile& locks, MetricSums* sums) {
  (*sums)[Metric::kAcquisitions].Add(run, locks.acquisitions);
  (*sums)[Metric::kContended].Add(run, locks.contended, 0, 0);
  (*sums)[Metric::kWaitNs].Add(run, locks.wait_ns, 0, 0);
  (*sums)[Metric::kHandOverNs].Add(run, locks.hand_over_ns);
  (*sums)[Metric::kUnattributedNs].Add(run, locks.unattributed_ns);
}

// The frame that StackNames::Headline has chosen.
size_t PlaceOf(const std::vector<SourceFrame>& frames, const SourceFrame* headline) {
  if (headline == nullptr) return 0;
  const auto found = std::find_if(frames.begin(), frames.end(), [&](const SourceFrame& frame) {
    return frame.function == headline->function;
  });
  return found == frames.end() ? 0 : static_cast<size_t>(found - frames.begin());
}

Thing SiteThing(const NamedProfile& named, const HeapSite& site) {
  Thing thing;
  thing.kind = Name(site.api);
  thing.frames = OwnFrames(named.names.Frames(site.stack));
  const SourceFrame* headline = named.names.Headline(site.stack);
  thing.place = PlaceOf(thing.frames, headline);
  thing.name = headline == nullptr ? "(no stack)" : headline->function;
  return thing;
}

// Who waited most often: the first one to wait is another one in every run.
const SourceFrame* MainWaiter(const NamedProfile& named, const Lock& lock) {
  const auto most = std::max_element(
      lock.callers.begin(), lock.callers.end(),
      [](const LockCaller& a, const LockCaller& b) { return a.contended < b.contended; });
  return most == lock.callers.end() ? nullptr : named.names.Headline(most->pc);
}

// As LockName, without the address, which is another one in every run.
Thing LockThing(const NamedProfile& named, const Lock& lock) {
  Thing thing;
  thing.is_lock = true;
  thing.kind = Name(lock.kind);
  if (lock.allocation) {
    const StackId stack = lock.allocation->stack;
    thing.frames = OwnFrames(named.names.Frames(stack));
    thing.place = PlaceOf(thing.frames, named.names.Headline(stack));
    thing.offset = lock.allocation->offset;
  }
  if (!thing.frames.empty()) {
    thing.name = absl::StrCat(thing.frames[thing.place].function, "+0x", absl::Hex(thing.offset));
    return thing;
  }
  thing.name = named.names.DataName(lock.address);
  if (!thing.name.empty()) return thing;
  const SourceFrame* waiter = MainWaiter(named, lock);
  thing.name = absl::StrCat(thing.kind, waiter == nullptr ? "" : " waited for in ",
                            waiter == nullptr ? "" : waiter->function);
  return thing;
}

}  // namespace

void MetricSum::Add(size_t run, const Tally& tally) {
  tally_.Merge(tally);
  AddToRun(run, tally.Interval().value);
}

void MetricSum::Add(size_t run, uint64_t value, uint64_t fewer, uint64_t more) {
  tally_.AddCertain(static_cast<double>(value));
  fewer_ += static_cast<double>(fewer);
  more_ += static_cast<double>(more);
  AddToRun(run, static_cast<double>(value));
}

void MetricSum::AddToRun(size_t run, double value) {
  if (runs_seen_ > 0 && run == run_) {
    of_run_ += value;
    return;
  }
  if (runs_seen_ > 0) {
    const double delta = of_run_ - mean_;
    mean_ += delta / static_cast<double>(runs_seen_);
    squares_ += delta * (of_run_ - mean_);
  }
  ++runs_seen_;
  run_ = run;
  of_run_ = value;
}

Figure MetricSum::Mean(size_t runs) const {
  if (runs_seen_ == 0) return {};
  const auto all = static_cast<double>(runs);
  const auto seen = static_cast<double>(runs_seen_);
  const Estimate sum = tally_.Interval();
  Figure figure;
  figure.mean = {sum.value / all, std::max(0.0, sum.low - fewer_) / all, (sum.high + more_) / all};
  if (runs < 2) return figure;
  const double delta = of_run_ - mean_;
  const double mean = mean_ + delta / seen;
  // In the other runs there was none of it.
  const double squares =
      squares_ + delta * (of_run_ - mean) + mean * mean * seen * (all - seen) / all;
  figure.run_variance = squares / (all - 1);
  return figure;
}

void SideBuilder::Add(size_t run, const NamedProfile& named) {
  AddProcess(named);
  side_.runs = std::max(side_.runs, run + 1);
  AddHeap(run, named.profile.heap.total, &total_);
  for (const HeapSite& site : named.profile.heap.sites) AddSite(run, named, site);
  AddLockTotals(run, named.profile.locks, &total_);
  for (const Lock* lock : KnownLocks(named.profile.locks)) {
    if (lock->is_lock) AddLock(run, named, *lock);
  }
}

void SideBuilder::AddProcess(const NamedProfile& named) {
  const Process& process = named.profile.dump.process;
  side_.dumps.push_back(named.profile.dump.path);
  ++side_.processes;
  side_.has_heap = side_.has_heap && process.facts.heap_enabled;
  side_.has_locks = side_.has_locks && process.facts.locks_enabled;
  side_.is_timed =
      side_.is_timed || process.thread_count() > 1 || process.facts.ended != Ended::kExited;
  side_.widest_interval_bytes =
      std::max(side_.widest_interval_bytes, named.profile.heap.widest_interval_bytes);
  for (const ModuleImage& module : process.modules()) {
    side_.builds[BaseName(module.path)].insert(
        absl::BytesToHexString(absl::string_view(module.build_id.data(), module.build_id.size())));
  }
}

void SideBuilder::AddSite(size_t run, const NamedProfile& named, const HeapSite& site) {
  AddHeap(run, site.metrics, &SumsOf(SiteThing(named, site)));
}

void SideBuilder::AddLock(size_t run, const NamedProfile& named, const Lock& lock) {
  MetricSums& sums = SumsOf(LockThing(named, lock));
  const Doubt doubt = DoubtOf(lock);
  sums[Metric::kContended].Add(run, lock.contended, doubt.fewer.contended, doubt.more.contended);
  sums[Metric::kWaitNs].Add(run, lock.wait_ns, doubt.fewer.wait_ns, doubt.more.wait_ns);
  sums[Metric::kAcquisitions].Add(run, lock.holds->sections);
  sums[Metric::kHoldNs].Add(run, lock.holds->hold_ns);
  sums[Metric::kHandOverNs].Add(run, lock.hand_over_ns);
  sums[Metric::kUnattributedNs].Add(run, lock.unattributed_ns);
  total_[Metric::kHoldNs].Add(run, lock.holds->hold_ns);
}

MetricSums& SideBuilder::SumsOf(Thing thing) {
  const auto keep_offsets = [](const std::string&) { return true; };
  std::string key = KeyOf(thing, keep_offsets);
  for (const uint64_t line : LinesOf(thing)) absl::StrAppend(&key, "\n:", line);
  Entry& entry = entries_[absl::StrCat(thing.is_lock ? "L" : "S", key)];
  if (entry.thing.kind.empty()) entry.thing = std::move(thing);
  return entry.sums;
}

Side SideBuilder::Finish() {
  const auto fill = [&](const MetricSums& sums, Figures* figures) {
    ForEachMetric([&](Metric metric) { (*figures)[metric] = sums[metric].Mean(side_.runs); });
  };
  fill(total_, &side_.total);
  for (auto& [key, entry] : entries_) {
    fill(entry.sums, &entry.thing.figures);
    side_.things.push_back(std::move(entry.thing));
  }
  entries_.clear();
  return std::move(side_);
}

}  // namespace perfagent

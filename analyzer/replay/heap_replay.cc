#include "analyzer/replay/heap_replay.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "analyzer/replay/event_windows.h"
#include "analyzer/replay/evidence_merge.h"
#include "analyzer/replay/heap_shard.h"
#include "analyzer/replay/site_part.h"

namespace perfagent {
namespace {

// When the whole heap was largest, since `since_ns`.
class Peak {
 public:
  explicit Peak(uint64_t since_ns) : since_ns_(since_ns) {}

  // Looks at what the shards did in a window. Afterwards at() is the event of the window after which the heap was as large
  // as never before; none where it was not.
  void Find(const Window& window, const std::deque<HeapShard>& shards) {
    at_.reset();
    double growth = 0;
    double most = 0;
    for (const HeapShard& shard : shards) {
      growth += shard.growth().now;
      most += shard.growth().most;
    }
    if (live_bytes_ + most > peak_bytes_ || BeginsBefore(window)) {
      Scan(window, shards);
    } else {
      live_bytes_ += growth;
    }
  }

  std::optional<uint32_t> at() const { return at_; }
  uint64_t time_ns() const { return std::max(time_ns_, since_ns_); }

 private:
  bool BeginsBefore(const Window& window) const {
    return since_ns_ != 0 && window.events > 0 && TimeOf(window, 0) < since_ns_;
  }

  void Scan(const Window& window, const std::deque<HeapShard>& shards) {
    growth_.assign(window.events, 0);
    for (const HeapShard& shard : shards) {
      for (const Batch<Change>& part : shard.changes()) {
        for (const Change& change : part.span()) growth_[change.order] += change.Growth();
      }
    }
    const uint32_t first = BeginsBefore(window) ? FirstSince(window) : 0;
    for (uint32_t i = 0; i < growth_.size(); ++i) {
      live_bytes_ += growth_[i];
      // What was live at the beginning is the first peak.
      if (live_bytes_ <= peak_bytes_ && i >= first) continue;
      peak_bytes_ = live_bytes_;
      at_ = i;
    }
    if (at_) time_ns_ = TimeOf(window, *at_);
  }

  // The first event of the window that is not before.
  uint32_t FirstSince(const Window& window) const {
    uint32_t first = window.events;
    for (const Batch<HeapEvent>& shard : window.shards) {
      const std::span<const HeapEvent> events = shard.span();
      const auto found = std::find_if(events.begin(), events.end(), [this](const HeapEvent& event) {
        return event.time_ns >= since_ns_;
      });
      if (found != events.end()) first = std::min(first, found->order);
    }
    return first;
  }

  static uint64_t TimeOf(const Window& window, uint32_t order) {
    for (const Batch<HeapEvent>& shard : window.shards) {
      const std::span<const HeapEvent> events = shard.span();
      const auto found = std::lower_bound(
          events.begin(), events.end(), order,
          [](const HeapEvent& event, uint32_t value) { return event.order < value; });
      if (found != events.end() && found->order == order) return found->time_ns;
    }
    return 0;
  }

  const uint64_t since_ns_;
  double live_bytes_ = 0;
  double peak_bytes_ = 0;
  uint64_t time_ns_ = 0;
  std::optional<uint32_t> at_;
  std::vector<double> growth_;  // by event
};

class HeapReplay {
 public:
  HeapReplay(const DumpFile& file, const SegmentIndex& index, const Process& process,
             const EventView& view, Workers* workers, LockReplay* locks)
      : process_(process),
        view_(view),
        workers_(workers),
        locks_(locks),
        turns_(index, process),
        events_(file, index, process, view),
        peak_(view.since_ns) {
    // Two for each thread: a round's tasks differ in length, and the last ones are to be short.
    const bool is_whole = process.facts.IsSampled() || workers->count() == 1;
    const size_t shards = is_whole ? 1 : 2 * workers->count();
    const size_t parts = is_whole ? 1 : std::bit_ceil(workers->count());
    for (size_t i = 0; i < shards; ++i)
      shards_.emplace_back(process, view, locks->addresses(), turns_, parts);
    for (size_t i = 0; i < parts; ++i) parts_.emplace_back(process, shards_, i, parts);
    window_.shards.resize(shards);
    next_.shards.resize(shards);
  }

  HeapProfile Run(DamageHandler damaged, ProgressHandler progress) {
    bool has_more = true;
    while (has_more || window_.size() > 0) {
      has_more = events_.Begin();
      Round();
      peak_.Find(window_, shards_);
      TurnOver();
      progress(events_.segments_begun());
    }
    Finish();
    for (const Damage& place : events_.facts().damage) damaged(place);
    return Profile();
  }

 private:
  void Round() {
    // Decoding a stream is the longest task, so it is begun first.
    const size_t fills = events_.fill_tasks();
    const size_t shards = fills + 2, parts = shards + shards_.size();
    workers_->Run(parts + parts_.size(), [=, this](size_t i) {
      if (i < fills) {
        events_.FillTask(i);
      } else if (i == fills) {
        events_.Merge(&next_);
      } else if (i == fills + 1) {
        window_locks_.Replay(locks_);
      } else if (i < parts) {
        const size_t shard = i - shards;
        shards_[shard].Replay(window_.shards[shard].span(), window_.ticks);
      } else {
        parts_[i - parts].SumUp(last_moments_);
      }
    });
  }

  // The window was replayed, the next one was read; what came of it is summed up in the next round.
  void TurnOver() {
    CollectLocks();
    for (HeapShard& shard : shards_) shard.TurnOver();
    sites_.insert(sites_.end(), window_.sites.begin(), window_.sites.end());
    last_moments_ = {std::move(window_.ticks), peak_.at()};
    std::swap(window_, next_);
    next_.Clear();
  }

  void Finish() {
    window_locks_.Replay(locks_);
    workers_->Run(parts_.size(), [this](size_t i) { parts_[i].SumUp(last_moments_); });
    workers_->Run(shards_.size(), [this](size_t i) {
      shards_[i].Finish();
      shards_[i].TurnOver();
    });
    workers_->Run(parts_.size(), [this](size_t i) {
      parts_[i].SumUp({});
      parts_[i].Finish(sites_.size());
    });
  }

  // Of the window that was replayed: for the next round.
  void CollectLocks() {
    std::swap(window_locks_.events, window_.locks);
    for (HeapShard& shard : shards_) {
      const std::span<const LockBlockChange> changes = shard.blocks().lock_changes();
      window_locks_.changes.insert(window_locks_.changes.end(), changes.begin(), changes.end());
    }
  }

  HeapProfile Profile() {
    HeapProfile profile;
    profile.peak_time_ns = peak_.time_ns();
    profile.stacks = events_.facts().stacks;
    profile.undefined_stacks = events_.facts().undefined_stacks;
    profile.widest_interval_bytes = events_.facts().widest_interval_bytes;
    profile.timed_calls = events_.facts().calls;
    profile.memory_at_end = events_.facts().memory_at_end;
    profile.peak_resident = PeakUpToEnd();
    if (process_.facts.mode == Mode::kSample && process_.facts.heap_enabled) {
      profile.widest_interval_bytes =
          std::max(profile.widest_interval_bytes, process_.facts.interval_bytes);
    }
    if (const auto& end = process_.facts.full_end) {
      profile.widest_interval_bytes =
          std::max(profile.widest_interval_bytes, sampling::GridFloor(end->interval_bytes));
    }
    for (const SitePart& part : parts_) part.sizes().AddTo(&profile.sizes);
    for (const HeapShard& shard : shards_) {
      const BlockReplay::Counts& counts = shard.blocks().counts();
      profile.unpaired_frees += counts.unpaired_frees;
      profile.unpaired_reallocs += counts.unpaired_reallocs;
      profile.overlaps += counts.overlaps;
      profile.repaired_inversions += counts.repaired_inversions;
      AddTimeline(shard.blocks().timeline(), &profile.timeline);
    }
    if (view_.LeavesOutHeapEvents()) profile.whole = Whole();
    AddSites(&profile);
    if (view_.LeavesOutHeapEvents()) std::erase_if(profile.sites, HasNothing);
    profile.SumSites();
    return profile;
  }

  // What is resident at the end was so once, and is counted exactly where the peak may be some pages behind.
  ResidentCourse PeakUpToEnd() const {
    ResidentCourse course = events_.facts().peak_resident.Course();
    const std::optional<MemoryRecord>& end = events_.facts().memory_at_end;
    if (!end || !view_.HasTime(end->time) || course.points.empty()) return course;
    const uint64_t bytes = end->anonymous + end->file + end->shared;
    if (bytes > course.points.back().peak_bytes && end->time >= course.points.back().time_ns)
      course.points.push_back({end->time, bytes});
    return course;
  }

  // Of a site all of whose events are left out.
  static bool HasNothing(const HeapSite& site) {
    const HeapMetrics& metrics = site.metrics;
    return metrics.allocations.IsEmpty() && metrics.frees.IsEmpty() &&
           metrics.reallocations.IsEmpty() && metrics.live_bytes.IsEmpty() &&
           metrics.peak_bytes.IsEmpty();
  }

  // What all shards have live together.
  static void AddTimeline(std::span<const LiveSlot> slots, std::vector<LiveSlot>* timeline) {
    timeline->resize(slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      (*timeline)[i].end_ns = slots[i].end_ns;
      (*timeline)[i].bytes.Merge(slots[i].bytes);
    }
  }

  HeapMetrics Whole() {
    HeapMetrics whole;
    for (const HeapShard& shard : shards_) whole.Merge(shard.blocks().whole());
    return whole;
  }

  void AddSites(HeapProfile* profile) {
    // So many sites are one task: enough of them for it to be worth one, and tasks enough for all threads to end together.
    constexpr size_t kSitesOfTask = 1024;
    profile->sites.resize(sites_.size());
    workers_->Run((sites_.size() + kSitesOfTask - 1) / kSitesOfTask, [&](size_t task) {
      const size_t end = std::min((task + 1) * kSitesOfTask, sites_.size());
      for (size_t i = task * kSitesOfTask; i < end; ++i)
        AddUp(SiteId(i), profile->widest_interval_bytes, &profile->sites[i]);
    });
    for (const SitePart& part : parts_) {
      for (size_t i = 0; i < kTicks; ++i) profile->calls[i] += part.sums().calls()[i];
    }
    EvidenceMerge merge;
    for (const HeapShard& shard : shards_) {
      merge.Add(shard.handovers());
      merge.Add(shard.shared_lines());
    }
    profile->handovers = merge.AllHandovers();
    profile->sharings = merge.AllSharings();
  }

  void AddUp(SiteId id, uint64_t widest_interval_bytes, HeapSite* site) {
    site->stack = sites_[id.value()].stack;
    site->api = sites_[id.value()].api;
    parts_[id.value() % parts_.size()].sums().AddTo(id, site);
    for (const HeapShard& shard : shards_) {
      if (const BlockAges* ages = shard.ages().Find(id))
        site->evidence.live_then.Make().Merge(*ages);
    }
    HeapMetrics& metrics = site->metrics;
    metrics.leaked_bytes = metrics.live_bytes;
    metrics.leaked_blocks = metrics.live_blocks;
    // Seen for certain only before the sampling began: it may have gone on unseen.
    if (process_.facts.IsSampled()) metrics.MayMissMore(widest_interval_bytes);
    metrics.MayMissParts();
  }

  const Process& process_;
  const EventView& view_;
  Workers* workers_;
  LockReplay* locks_;
  const ThreadTurns turns_;
  EventWindows events_;
  std::deque<HeapShard> shards_;  // which stay where they are
  std::deque<SitePart> parts_;    // likewise
  std::vector<Site> sites_;       // by SiteId
  Window window_;
  Window next_;
  WindowLocks window_locks_;  // of the window before window_
  Moments last_moments_;      // likewise
  Peak peak_;
};

}  // namespace

HeapProfile ReplayEvents(const DumpFile& file, const SegmentIndex& index, const Process& process,
                         const EventView& view, Workers* workers, LockReplay* locks,
                         DamageHandler damaged, ProgressHandler progress) {
  return HeapReplay(file, index, process, view, workers, locks).Run(damaged, progress);
}

}  // namespace perfagent

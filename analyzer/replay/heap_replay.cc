#include "analyzer/replay/heap_replay.h"

#include <algorithm>

namespace perfagent {

HeapReplay::HeapReplay(const Process& process, size_t streams)
    : process_(process), streams_(streams), hints_(process.stack_count()) {
  const bool is_sampled = process.facts.mode == Mode::kSample && process.facts.heap_enabled;
  if (is_sampled) profile_.widest_interval_bytes = process.facts.interval_bytes;
  for (StreamState& state : streams_) {
    state.thread = threads_++;
    state.interval_bytes = process.facts.interval_bytes;
  }
  if (process.facts.full_end) next_advance_ns_ = process.facts.full_end->time_ns;
}

void HeapReplay::OnSegment(StreamId stream) {
  streams_[stream.value()].interval_bytes = process_.facts.interval_bytes;
}

void HeapReplay::OnInterval(StreamId stream, const IntervalRecord& record) {
  // Full mode has no interval before its end, whatever a damaged file says.
  if (!process_.facts.IsSampled()) return;
  streams_[stream.value()].interval_bytes = record.interval_bytes;
  profile_.widest_interval_bytes = std::max(profile_.widest_interval_bytes, record.interval_bytes);
}

void HeapReplay::OnThin(const ThinRecord& record) {
  if (!process_.facts.IsSampled()) return;
  Advance(record.time);
  Thin(record.time, record.interval_bytes);
}

void HeapReplay::Advance(uint64_t time_ns) {
  if (time_ns <= next_advance_ns_) [[likely]]
    return;
  next_advance_ns_ = kNever;
  Thin(process_.facts.full_end->time_ns, process_.facts.full_end->interval_bytes);
}

void HeapReplay::Thin(uint64_t time_ns, uint64_t interval_bytes) {
  last_thinning_ = {time_ns, sampling::GridFloor(interval_bytes)};
  profile_.widest_interval_bytes =
      std::max(profile_.widest_interval_bytes, last_thinning_.interval_bytes);
  if (least_live_interval_ >= last_thinning_.interval_bytes) return;
  for (auto& [address, block] : live_) Thin(&block, last_thinning_.interval_bytes);
  least_live_interval_ = last_thinning_.interval_bytes;
}

void HeapReplay::Thin(Block* block, uint64_t interval_bytes) {
  if (block->dropped || block->interval_bytes >= interval_bytes) return;
  RemoveLive(*block);
  block->interval_bytes = interval_bytes;
  block->dropped = !sampling::StaysTracked(block->limit, interval_bytes);
  if (!block->dropped) AddLive(*block);
  profile_.sites[block->site.value()].metrics.MayMissEndsOf(static_cast<double>(block->size),
                                                            block->WeightNow());
}

void HeapReplay::OnThread(StreamId stream, const ThreadRecord& record) {
  StreamState& state = streams_[stream.value()];
  if (state.tid == record.tid) return;
  state.tid = record.tid;
  state.thread = threads_++;
}

void HeapReplay::OnAlloc(StreamId stream, const AllocRecord& record) {
  Begin(stream, record.api, record.time, record.address, record.size, record.stack, record.limit);
}

void HeapReplay::OnFree(StreamId stream, const FreeRecord& record) {
  Advance(record.time);
  profile_.stacks.Count(process_, process_.FindStack(record.stack));
  const std::optional<Block> block = End(stream, record.address, record.time);
  if (!block) {
    ++profile_.unpaired_frees;
    return;
  }
  if (block->dropped) return;
  const Weight weight = block->WeightNow();
  HeapMetrics& metrics = profile_.sites[block->site.value()].metrics;
  metrics.frees.Add(1, weight);
  if (IsTemporary(stream, *block, record.flags)) metrics.temporary.Add(1, weight);
  if (block->thread != streams_[stream.value()].thread) metrics.cross_thread_frees.Add(1, weight);
}

void HeapReplay::OnRealloc(StreamId stream, const ReallocRecord& record) {
  if ((record.flags & kReallocEndsOld) == 0 || record.old_address == 0) return;
  Advance(record.time);
  const std::optional<Block> block = End(stream, record.old_address, record.time);
  if (!block) {
    ++profile_.unpaired_reallocs;
    return;
  }
  if (block->dropped) return;
  profile_.sites[block->site.value()].metrics.reallocations.Add(1, block->WeightNow());
}

void HeapReplay::OnReallocReturn(StreamId stream, const ReallocRecord& record) {
  if ((record.flags & kReallocBeginsNew) == 0 || record.new_address == 0) return;
  Begin(stream, record.api, record.time + record.duration, record.new_address, record.size,
        record.stack, record.limit);
}

void HeapReplay::Begin(StreamId stream, HeapApi api, uint64_t time_ns, uint64_t address,
                       uint64_t size, uint64_t dump_stack, uint32_t limit) {
  Advance(time_ns);
  const SiteId site = SiteOf(dump_stack, api);
  StreamState& state = streams_[stream.value()];
  const auto [slot, is_new] = live_.try_emplace(address);
  Block& block = slot->second;
  const bool displaces = !is_new && !block.dropped;
  if (displaces) Displace(address, block);
  block = {.size = size,
           .time_ns = time_ns,
           .number = ++state.allocations,
           .interval_bytes = state.interval_bytes,
           .limit = limit,
           .dropped = false,
           .displaced_another = displaces,
           .site = site,
           .thread = state.thread};

  HeapMetrics& metrics = profile_.sites[site.value()].metrics;
  metrics.allocations.Add(1, block.WeightNow());
  metrics.bytes.Add(static_cast<double>(size), block.WeightNow());
  AddLive(block);
  least_live_interval_ = std::min<uint64_t>(least_live_interval_, block.interval_bytes);
  // Recorded by a clock that is ahead of that of the thinning, which found it.
  if (last_thinning_.interval_bytes != 0 && time_ns <= last_thinning_.time + kClockSkewNs)
    Thin(&block, last_thinning_.interval_bytes);
  if (live_bytes_.value() > peak_bytes_) {
    peak_bytes_ = live_bytes_.value();
    profile_.peak_time_ns = time_ns;
    ++peak_stamp_;
  }
}

void HeapReplay::Displace(uint64_t address, const Block& block) {
  ++profile_.overlaps;  // until its end arrives
  RemoveLive(block);
  displaced_[address] = block;
}

std::optional<HeapReplay::Block> HeapReplay::End(StreamId stream, uint64_t address,
                                                 uint64_t time_ns) {
  const std::optional<Block> block = TakeEnded(stream, address, time_ns);
  if (!block) return std::nullopt;
  // An inversion between threads makes no negative lifetime.
  const uint64_t lifetime_ns = time_ns - std::min(time_ns, block->time_ns);
  if (!block->dropped)
    profile_.sites[block->site.value()].lifetimes.Add(lifetime_ns, block->WeightNow());
  return block;
}

std::optional<HeapReplay::Block> HeapReplay::TakeEnded(StreamId stream, uint64_t address,
                                                       uint64_t time_ns) {
  const auto found = live_.find(address);
  if (found == live_.end()) return std::nullopt;
  Block& live = found->second;
  if (live.displaced_another) {
    live.displaced_another = false;
    const Block older = displaced_.extract(address).mapped();
    const bool is_late = live.thread != streams_[stream.value()].thread &&
                         time_ns - std::min(time_ns, live.time_ns) <= kClockSkewNs;
    if (is_late) {
      --profile_.overlaps;
      ++profile_.repaired_inversions;
      return older;
    }
  }
  const Block block = live;
  live_.erase(found);
  if (!block.dropped) RemoveLive(block);
  return block;
}

void HeapReplay::AddLive(const Block& block) {
  const double bytes = static_cast<double>(block.size);
  Settle(block.site);
  states_[block.site.value()].live_bytes.Add(bytes, block.WeightNow());
  live_bytes_.Add(bytes, block.WeightNow());
}

void HeapReplay::RemoveLive(const Block& block) {
  const double bytes = static_cast<double>(block.size);
  Settle(block.site);
  states_[block.site.value()].live_bytes.Remove(bytes, block.WeightNow());
  live_bytes_.Remove(bytes, block.WeightNow());
}

bool HeapReplay::IsTemporary(StreamId stream, const Block& block, uint64_t free_flags) const {
  const bool is_sample = process_.facts.mode == Mode::kSample || block.interval_bytes != 0;
  if (is_sample) return (free_flags & kFreeTemporary) != 0;
  const StreamState& state = streams_[stream.value()];
  return block.thread == state.thread && block.number == state.allocations;
}

void HeapReplay::Settle(SiteId site) {
  SiteState& state = states_[site.value()];
  if (state.stamp == peak_stamp_) return;
  state.stamp = peak_stamp_;
  profile_.sites[site.value()].metrics.peak_bytes = state.live_bytes;
}

SiteId HeapReplay::SiteOf(uint64_t dump_stack, HeapApi api) {
  const std::optional<StackId> defined = process_.FindStack(dump_stack);
  profile_.stacks.Count(process_, defined);
  if (!defined) ++profile_.undefined_stacks;
  const StackId stack = defined.value_or(kNoStack);
  SiteHint& hint = hints_[stack.value()];
  if (hint.api == api) return hint.site;

  const uint64_t key = uint64_t{stack.value()} << 8 | static_cast<uint8_t>(api);
  const auto [found, is_new] = site_of_.try_emplace(key, SiteId(profile_.sites.size()));
  if (is_new) {
    profile_.sites.push_back({.stack = stack, .api = api});
    states_.emplace_back();
  }
  hint = {api, found->second};
  return found->second;
}

HeapProfile HeapReplay::Finish() {
  Advance(kNever);
  for (size_t i = 0; i < profile_.sites.size(); ++i) Settle(SiteId(i));
  // Summed anew from what is live: running sums of estimates carry rounding errors.
  for (const auto& [address, block] : live_) {
    if (block.dropped) continue;
    HeapMetrics& metrics = profile_.sites[block.site.value()].metrics;
    metrics.live_bytes.Add(static_cast<double>(block.size), block.WeightNow());
    metrics.live_blocks.Add(1, block.WeightNow());
  }
  for (HeapSite& site : profile_.sites) {
    site.metrics.leaked_bytes = site.metrics.live_bytes;
    site.metrics.leaked_blocks = site.metrics.live_blocks;
    if (process_.facts.full_end) site.metrics.MayMissMore(profile_.widest_interval_bytes);
    site.metrics.MayMissParts();
  }
  profile_.SumSites();
  return std::move(profile_);
}

}  // namespace perfagent

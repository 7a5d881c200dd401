#include "analyzer/replay/event_windows.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace perfagent {
namespace {

// A window's events and what comes of them stay within the processor's caches.
constexpr size_t kWindowEvents = 1 << 16;
// Events decoded ahead: enough for a window if there are few streams; of thousands, together no more memory than their
// decoders take.
constexpr size_t kMostAhead = 1 << 14;
constexpr size_t kLeastAhead = 1 << 10;
constexpr size_t kAllAhead = 1 << 17;

// Far enough for memory to answer, near enough for the first-level cache to keep it.
constexpr size_t kEventsAhead = 12;

// Neighbours in memory go to different shards: blocks of one size class, or of one thread, are not all one shard's. What is
// in one cache line is.
size_t ShardOf(uint64_t address, size_t shards) {
  const uint64_t hash = address / kCacheLine * 0x9e3779b97f4a7c15 >> 32;
  return hash * shards >> 32;
}

}  // namespace

void Window::Clear() {
  for (Batch<HeapEvent>& shard : shards) shard.Clear();
  sites.clear();
  events = 0;
  locks.clear();
  ticks.clear();
}

EventWindows::EventWindows(const DumpFile& file, const SegmentIndex& index, const Process& process,
                           const EventView& view)
    : file_(file),
      index_(index),
      process_(process),
      view_(view),
      sites_(process.stack_count()),
      tick_width_(KeyAt(process.facts.duration_ns / kTicks + 1, false)) {
  for (size_t i = 0; i < index.streams.size(); ++i) unopened_.emplace_back(i);
  std::sort(unopened_.begin(), unopened_.end(),
            [this](StreamId a, StreamId b) { return FirstPlace(b) < FirstPlace(a); });
}

EventWindows::Place EventWindows::FirstPlace(StreamId stream) const {
  return {FirstKey(index_.streams[stream.value()]), stream.value()};
}

bool EventWindows::Begin() {
  CloseStreams();
  known_to_ = {std::numeric_limits<TimeKey>::max(), std::numeric_limits<uint64_t>::max()};
  for (const auto& stream : open_) {
    stream->TurnOver();
    if (!stream->ended) known_to_ = std::min(known_to_, stream->known_to);
  }
  OpenStreams();
  ChooseFills();
  return !open_.empty();
}

void EventWindows::CloseStreams() {
  std::erase_if(open_, [this](const std::unique_ptr<Decoding>& stream) {
    const bool is_done = stream->ended && !stream->HasNext() && stream->back.events.empty();
    if (is_done) {
      segments_done_ += stream->events.segments_begun();
      facts_.stacks.Merge(stream->events.stacks());
      facts_.undefined_stacks += stream->events.undefined_stacks();
      const std::vector<Damage>& damage = stream->events.damage();
      facts_.damage.insert(facts_.damage.end(), damage.begin(), damage.end());
      facts_.widest_interval_bytes =
          std::max(facts_.widest_interval_bytes, stream->events.widest_interval_bytes());
      facts_.calls.Merge(stream->events.calls());
      facts_.peak_resident.Merge(stream->events.peak_resident());
      if (stream->events.memory_at_end()) facts_.memory_at_end = stream->events.memory_at_end();
    }
    return is_done;
  });
}

uint64_t EventWindows::segments_begun() const {
  uint64_t segments = segments_done_;
  for (const auto& stream : open_) segments += stream->events.segments_begun();
  return segments;
}

void EventWindows::OpenStreams() {
  while (!unopened_.empty() && FirstPlace(unopened_.back()) < known_to_) {
    known_to_ = FirstPlace(unopened_.back());
    open_.push_back(std::make_unique<Decoding>(file_, index_, process_, view_, unopened_.back()));
    unopened_.pop_back();
  }
}

void EventWindows::ChooseFills() {
  fills_.clear();
  for (const auto& stream : open_) {
    stream->filling = !stream->ended && stream->back.events.empty();
    if (stream->filling) fills_.push_back(stream.get());
  }
  fill_events_ = std::clamp(kAllAhead / std::max<size_t>(open_.size(), 1), kLeastAhead, kMostAhead);
}

void EventWindows::FillTask(size_t i) {
  Decoding& stream = *fills_[i];
  stream.ended = !stream.events.Fill(fill_events_, &stream.back);
  if (!stream.back.events.empty()) {
    stream.known_to = {stream.back.keys.back(), uint64_t{stream.id.value()} + 1};
  }
}

void EventWindows::Decoding::TurnOver() {
  if (HasNext()) return;
  std::swap(front, back);
  next = 0;
  back.Clear();
}

void EventWindows::Merge(Window* window) {
  std::vector<Decoding*> heap;
  for (const auto& stream : open_) {
    if (stream->HasNext()) heap.push_back(stream.get());
  }
  std::make_heap(heap.begin(), heap.end(), Later());
  while (!heap.empty() && window->size() < kWindowEvents) {
    std::pop_heap(heap.begin(), heap.end(), Later());
    Decoding* stream = heap.back();
    heap.pop_back();
    const Place end = heap.empty() ? known_to_ : std::min(known_to_, heap.front()->Next());
    if (!(stream->Next() < end)) return;
    MergeRun(stream, end, window);
    if (!stream->filling) stream->TurnOver();
    if (!stream->HasNext()) continue;
    heap.push_back(stream);
    std::push_heap(heap.begin(), heap.end(), Later());
  }
}

void EventWindows::MergeRun(Decoding* stream, const Place& end, Window* window) {
  const TimeKey last_key = stream->id.value() < end.stream ? end.key : end.key - 1;
  const size_t most = stream->next + (kWindowEvents - window->size());
  while (stream->next < std::min(stream->front.keys.size(), most) &&
         stream->Next().key <= last_key) {
    NoteTick(stream->Next().key, window);
    MergeEvents(stream, std::min(last_key, LastKeyOfTick()), most, window);
  }
}

void EventWindows::NoteTick(TimeKey key, Window* window) {
  const uint64_t tick = std::min<uint64_t>(key / tick_width_, kTicks - 1);
  if (tick <= tick_) return;
  tick_ = tick;
  window->ticks.push_back({window->events, static_cast<uint32_t>(tick)});
}

TimeKey EventWindows::LastKeyOfTick() const {
  return tick_ + 1 < kTicks ? (tick_ + 1) * tick_width_ - 1 : std::numeric_limits<TimeKey>::max();
}

void EventWindows::MergeEvents(Decoding* stream, TimeKey last_key, size_t most, Window* window) {
  const Batch<TimeKey>& keys = stream->front.keys;
  // Here, not there: what is stored in an event might else be one of these.
  Batch<HeapEvent>* const shards = window->shards.data();
  const size_t shard_count = window->shards.size();
  uint32_t order = window->events;
  size_t at = stream->next;
  const size_t end = std::min(keys.size(), most);
  for (; at < end && keys[at] <= last_key; ++at) {
    const HeapEvent& event = stream->front.events[at];
    if (at + kEventsAhead < end) sites_.Prefetch(stream->front.events[at + kEventsAhead].stack);
    if (event.kind == HeapEvent::kLock) [[unlikely]] {
      window->locks.push_back(
          {order, stream->number, std::move(stream->front.lock_events[event.size])});
      continue;
    }
    HeapEvent& routed = shards[ShardOf(event.address, shard_count)].Add();
    routed = event;
    routed.order = order++;
    if (event.kind == HeapEvent::kBegin)
      routed.site = sites_.Of(event.stack, event.api, &window->sites);
  }
  stream->next = at;
  window->events = order;
}

}  // namespace perfagent

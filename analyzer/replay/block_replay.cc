#include "analyzer/replay/block_replay.h"

#include <algorithm>

namespace perfagent {
namespace {

// Far enough ahead for memory to answer, near enough for the first-level cache to keep it.
constexpr size_t kEventsAhead = 12;

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

bool IsBySameThread(const Block& block, const HeapEvent& event) {
  return block.stream == event.stream && block.owner.turn == event.owner.turn;
}

// As many as fit on a line. The last one has all that is left: a damaged file may know no end.
constexpr uint64_t kSlots = 64;
std::vector<LiveSlot> SlotsOf(const EventView& view, uint64_t ran_ns) {
  const uint64_t end_ns = std::min(view.until_ns, ran_ns);
  if (end_ns <= view.since_ns) return {};
  const uint64_t length_ns = end_ns - view.since_ns;
  std::vector<LiveSlot> slots(std::min(kSlots, length_ns));
  for (size_t i = 0; i < slots.size(); ++i) {
    const uint64_t part = length_ns / slots.size(), rest = length_ns % slots.size();
    slots[i].end_ns = view.since_ns + part * (i + 1) + rest * (i + 1) / slots.size();
  }
  return slots;
}

// An inversion between threads makes no negative lifetime.
uint64_t NsSince(uint64_t begin_ns, uint64_t end_ns) { return end_ns - std::min(begin_ns, end_ns); }

}  // namespace

// Field by field, where it stands: see HeapEvents::AddEvent.
inline Change& BlockReplay::Add(Change::Kind kind, const Block& block, uint32_t order) {
  Change& change = changes_[block.site.value() & (changes_.size() - 1)].Add();
  change.size = block.size;
  change.lifetime_ns = 0;
  change.interval_bytes = block.interval_bytes;
  change.site = block.site;
  change.order = order;
  change.kind = kind;
  change.grows = false;
  change.shrinks = false;
  change.temporary = false;
  change.cross_thread = false;
  change.copied = false;
  change.grown = false;
  return change;
}

inline void BlockReplay::AddGrowing(Change::Kind kind, const Block& block, uint32_t order) {
  if (!CountsLive(block)) [[unlikely]]
    return;
  Change& change = Add(kind, block, order);
  change.grows = true;
  growth_.Add(change);
}

inline void BlockReplay::AddLeaving(const Block& block, uint32_t order) {
  if (!CountsLive(block)) [[unlikely]]
    return;
  Change& change = Add(Change::kLeave, block, order);
  change.shrinks = true;
  growth_.Add(change);
}

// Arrays that grow by less copy for another reason, and what is more than four times as large is not the next step.
inline bool BlockReplay::IsGrown(const Block& block, const HeapEvent& event) const {
  if (event.size - event.size / 5 <= block.size || event.size / 4 > block.size) return false;
  if (event.kind == HeapEvent::kRealloc || !IsBySameThread(block, event)) return false;
  if (event.kind != HeapEvent::kCopyingRealloc && block.interval_bytes != 0) return false;
  return block.stack == event.stack;
}

inline void BlockReplay::AddEnd(Change::Kind kind, const Block& block, const HeapEvent& event) {
  const bool is_live = &block != &late_;  // which left when it was displaced
  if (!IsInView(event)) [[unlikely]] {
    if (is_live) AddLeaving(block, event.order);
    return;
  }
  Change& change = Add(kind, block, event.order);
  change.lifetime_ns = NsSince(block.time_ns, event.time_ns);
  change.shrinks = is_live && CountsLive(block);
  change.temporary = IsTemporary(block, event);
  change.cross_thread = !IsBySameThread(block, event);
  change.copied = event.kind == HeapEvent::kCopyingRealloc && event.size > block.size;
  change.grown = IsGrown(block, event);
  if (change.cross_thread && kind == Change::kFree)
    handovers_->Add(block, event, change.WeightNow());
  growth_.Add(change);
}

void BlockReplay::AddLockChange(LockBlockChange::Kind kind, const Block& block, uint32_t order) {
  lock_changes_.push_back({block.address, block.size, block.stack, order, kind});
}

BlockReplay::BlockReplay(const Process& process, const EventView& view, const LockAddresses& locks,
                         Handovers* handovers)
    : says_temporary_(process.facts.mode == Mode::kSample || !process.facts.recorder.empty()),
      full_end_(process.facts.full_end.value_or(FullEnd{kNever, 0})),
      since_ns_(view.since_ns),
      until_ns_(view.until_ns),
      is_view_(view.LeavesOutHeapEvents()),
      locks_(locks),
      handovers_(handovers),
      timeline_(SlotsOf(view, process.facts.duration_ns)) {
  FindNextEnd();
}

void BlockReplay::Finish() {
  if (full_end_.time_ns != kNever && !is_full_ended_ && full_end_.time_ns < until_ns_)
    EndFullMode(0);
  EndSlots(kNever);
}

void BlockReplay::Begin(std::span<Batch<Change>> changes) {
  changes_ = changes;
  live_bytes_ += growth_.now;
  live_sampled_ = LiveSampled();
  growth_ = {};
  lock_changes_.clear();
}

void BlockReplay::Replay(std::span<const HeapEvent> events) {
  for (size_t i = 0; i < events.size(); ++i) {
    if (i + kEventsAhead < events.size()) live_.Prefetch(events[i + kEventsAhead].address);
    const HeapEvent& event = events[i];
    if (event.time_ns > before_ends_ns_ && !PassEnds(event)) [[unlikely]]
      continue;
    switch (event.kind) {
      case HeapEvent::kBegin:
        Begin(event);
        break;
      case HeapEvent::kFree:
      case HeapEvent::kTemporaryFree:
        Free(event);
        break;
      case HeapEvent::kRealloc:
      case HeapEvent::kCopyingRealloc:
        Realloc(event);
        break;
      default:
        ThinAll(event.time_ns, event.interval_bytes, event.order);
    }
  }
}

bool BlockReplay::PassEnds(const HeapEvent& event) {
  if (event.time_ns >= until_ns_ && until_ns_ != EventView::kNoEnd) {
    if (event.kind == HeapEvent::kBegin) AddToWhole(event);
    return false;
  }
  EndSlots(event.time_ns);
  if (!is_full_ended_ && event.time_ns > full_end_.time_ns) EndFullMode(event.order);
  FindNextEnd();
  return true;
}

void BlockReplay::FindNextEnd() {
  before_ends_ns_ = until_ns_ - 1;
  if (!is_full_ended_) before_ends_ns_ = std::min(before_ends_ns_, full_end_.time_ns);
  if (slot_ + 1 < timeline_.size())
    before_ends_ns_ = std::min(before_ends_ns_, timeline_[slot_].end_ns - 1);
}

void BlockReplay::EndSlots(uint64_t time_ns) {
  for (; slot_ < timeline_.size(); ++slot_) {
    const bool is_last = slot_ + 1 == timeline_.size();
    if (time_ns != kNever && (is_last || time_ns < timeline_[slot_].end_ns)) return;
    Tally live = LiveSampled();
    live.AddCertain(live_bytes_ + growth_.now - live.value());
    timeline_[slot_].bytes = live;
  }
}

Tally BlockReplay::LiveSampled() const {
  Tally live = live_sampled_;
  live.Merge(growth_.sampled);
  return live;
}

void BlockReplay::AddToWhole(const HeapEvent& event) {
  const Weight weight =
      event.interval_bytes == 0 ? Weight() : Weight::OfBlock(event.size, event.interval_bytes);
  whole_.allocations.Add(1, weight);
  whole_.bytes.Add(static_cast<double>(event.size), weight);
}

void BlockReplay::Begin(const HeapEvent& event) {
  if (is_view_) [[unlikely]]
    AddToWhole(event);
  Block& block = *live_.Slot(event.address);
  const bool displaces = block.use == Block::kLive && !block.dropped;
  if (displaces) [[unlikely]] {
    ++counts_.overlaps;  // until its end arrives
    AddLeaving(block, event.order);
    displaced_[event.address] = block;
  }
  if (block.use == Block::kLive && block.holds_lock) [[unlikely]]
    AddLockChange(LockBlockChange::kEnd, block, event.order);
  block.address = event.address;
  block.size = event.size;
  block.time_ns = event.time_ns;
  block.owner = event.owner;
  block.interval_bytes = event.interval_bytes;
  block.stream = event.stream;
  block.site = event.site;
  block.stack = event.stack;
  block.limit = event.limit;
  block.use = Block::kLive;
  block.dropped = false;
  block.displaced_another = displaces;
  block.holds_lock = locks_.AnyIn(event.address, event.size);
  if (block.holds_lock) [[unlikely]]
    AddLockChange(LockBlockChange::kBegin, block, event.order);
  AddGrowing(IsInView(event) ? Change::kBegin : Change::kEnter, block, event.order);
  least_live_interval_ = std::min(least_live_interval_, event.interval_bytes);
  // Recorded by a clock that is ahead of that of the thinning, which found it.
  if (thinned_to_bytes_ != 0 && block.time_ns <= thinning_time_ns_ + kClockSkewNs)
    Thin(&block, event.order);
}

void BlockReplay::Free(const HeapEvent& event) {
  const Block* block = End(event);
  if (block == nullptr) {
    counts_.unpaired_frees += IsInView(event);
  } else if (!block->dropped) {
    AddEnd(Change::kFree, *block, event);
  }
}

void BlockReplay::Realloc(const HeapEvent& event) {
  const Block* block = End(event);
  if (block == nullptr) {
    counts_.unpaired_reallocs += IsInView(event);
  } else if (!block->dropped) {
    AddEnd(Change::kRealloc, *block, event);
  }
}

const Block* BlockReplay::End(const HeapEvent& event) {
  Block* block = live_.Find(event.address);
  if (block == nullptr) return nullptr;
  if (block->displaced_another) [[unlikely]] {
    if (const Block* older = TakeDisplaced(block, event)) return older;
  }
  if (block->holds_lock) [[unlikely]]
    AddLockChange(LockBlockChange::kEnd, *block, event.order);
  live_.End(block);  // the slot keeps what it says
  return block;
}

const Block* BlockReplay::TakeDisplaced(Block* block, const HeapEvent& event) {
  block->displaced_another = false;
  late_ = displaced_.extract(event.address).mapped();
  const bool is_late =
      !IsBySameThread(*block, event) && NsSince(block->time_ns, event.time_ns) <= kClockSkewNs;
  if (!is_late) return nullptr;
  --counts_.overlaps;
  ++counts_.repaired_inversions;
  return &late_;
}

bool BlockReplay::IsTemporary(const Block& block, const HeapEvent& free) const {
  if (says_temporary_ || block.interval_bytes != 0) return free.kind == HeapEvent::kTemporaryFree;
  return IsBySameThread(block, free) && block.owner.number == free.owner.number;
}

void BlockReplay::EndFullMode(uint32_t order) {
  is_full_ended_ = true;
  ThinAll(full_end_.time_ns, sampling::GridFloor(full_end_.interval_bytes), order);
}

void BlockReplay::ThinAll(uint64_t time_ns, uint64_t interval_bytes, uint32_t order) {
  thinning_time_ns_ = time_ns;
  thinned_to_bytes_ = interval_bytes;
  if (least_live_interval_ >= thinned_to_bytes_) return;
  live_.ForEach([&](Block* block) { Thin(block, order); });
  least_live_interval_ = thinned_to_bytes_;
}

void BlockReplay::Thin(Block* block, uint32_t order) {
  if (block->dropped || block->interval_bytes >= thinned_to_bytes_) return;
  AddLeaving(*block, order);
  block->interval_bytes = thinned_to_bytes_;
  block->dropped = !sampling::StaysTracked(block->limit, thinned_to_bytes_);
  if (block->dropped) {
    if (CountsLive(*block)) Add(Change::kThinned, *block, order);
    if (block->holds_lock) AddLockChange(LockBlockChange::kDropped, *block, order);
  } else {
    AddGrowing(Change::kThinned, *block, order);
  }
}

}  // namespace perfagent

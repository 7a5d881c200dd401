// event_codec.h: records <-> bytes. Encoder and decoder stand side by side so that their prediction
// state cannot drift.
//
// Both keep a CodecState, and in full mode the tables of prediction.h, from one record of a stream to the
// next; a ResetRecord sets them to zero. Times are coded as the difference to the record before; heap and
// lock addresses as the difference to the last address of their sort. With tables, heap events are compact
// (compact_codec.h).
//
// Threads: an Encoder or Decoder belongs to one thread. No allocation, no system call; safe in
// signal handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "perfagent/compact_codec.h"
#include "perfagent/records.h"

namespace perfagent {

// Largest encoding of a record without text or frames: a tag and nine fields.
inline constexpr size_t kMaxPlainRecord = 1 + 9 * kMaxVarint;

inline constexpr size_t kMaxSectionRecord = 1 + 15 * kMaxVarint;
constexpr size_t MaxWaitRecord(size_t cuts) { return 1 + (9 + 4 * cuts) * kMaxVarint; }
constexpr size_t MaxStackRecord(size_t frames) { return 1 + (5 + frames) * kMaxVarint; }
constexpr size_t MaxTextRecord(size_t text_bytes) { return 1 + 8 * kMaxVarint + text_bytes; }
static_assert(MaxStackRecord(kMaxStackNodes) < kSegmentPayload);
static_assert(MaxWaitRecord(kMaxWaitCuts) < kSegmentPayload);

// Appends records to a buffer. REQUIRES: room for the record (see kMaxPlainRecord, MaxStackRecord,
// MaxTextRecord); the caller checks, so that one check serves a stack and the event that uses it.
class Encoder : public CompactEncoder {
 public:
  Encoder(uint8_t* out, CodecState* state, prediction::EncoderTables* tables = nullptr)
      : CompactEncoder(out, state, tables) {}

  void Put(const ThreadRecord& r) {
    Begin(Tag::kThread, r.time);
    Varint(r.tid);
    Text(r.name);
  }
  void Put(const ThreadEndRecord& r) { Begin(Tag::kThreadEnd, r.time); }
  void Put(const ModuleLoadRecord& r) {
    Begin(Tag::kModuleLoad, r.time);
    Varint(r.epoch);
    Varint(r.start);
    Varint(r.end);
    Varint(r.bias);
    Text(r.build_id);
    Text(r.path);
  }
  void Put(const ModuleUnloadRecord& r) {
    Begin(Tag::kModuleUnload, r.time);
    Varint(r.epoch);
    Varint(r.start);
  }
  void Put(const StackRecord& r) {
    Byte(static_cast<uint8_t>(tables_ != nullptr ? Tag::kPredictedStack : Tag::kStack));
    Varint(r.first_id - state_->last_stack);
    Varint(r.parent);
    Varint(r.epoch);
    Varint(r.flags);
    Varint(r.count);
    state_->last_stack = r.first_id + r.count - 1;
    uint64_t outer = 0;
    for (uint64_t i = 0; i < r.count; ++i) {
      Frame(outer, r.pcs[i]);
      outer = r.pcs[i];
    }
  }
  void Put(const AllocRecord& r) {
    if (r.limit == sampling::kNoLimit && CanBeCompact(r.time)) return PutCompact(r);
    const bool sampled = r.limit != sampling::kNoLimit;
    Begin(sampled ? Tag::kSampledAlloc : Tag::kAlloc, static_cast<uint8_t>(r.api), r.time);
    Difference(r.address, &state_->last_address);
    Varint(r.size);
    Varint(r.stack);
    if (sampled) Varint(r.limit);
  }
  void Put(const FreeRecord& r) {
    if (r.flags == 0 && CanBeCompact(r.time)) return PutCompact(r);
    Begin(Tag::kFree, static_cast<uint8_t>(r.api), r.flags, r.time);
    Difference(r.address, &state_->last_address);
    Varint(r.stack);
  }
  void Put(const ReallocRecord& r) {
    const bool sampled = r.limit != sampling::kNoLimit;
    constexpr uint64_t kUsual = kReallocEndsOld | kReallocBeginsNew;
    if (!sampled && r.flags == kUsual && CanBeCompact(r.time)) return PutCompact(r);
    Begin(sampled ? Tag::kSampledRealloc : Tag::kRealloc, static_cast<uint8_t>(r.api), r.flags,
          r.time);
    Varint(r.duration);
    Difference(r.old_address, &state_->last_address);
    Difference(r.new_address, &state_->last_address);
    Varint(r.size);
    Varint(r.stack);
    if (sampled) Varint(r.limit);
  }
  void Put(const LockWaitRecord& r) {
    Begin(Tag::kLockWait, static_cast<uint8_t>(r.api), r.flags, r.result, r.time);
    Varint(r.wait);
    Difference(r.lock, &state_->last_lock);
    Varint(r.stack);
    Varint(r.interval);
    Varint(r.count);
    uint64_t before = 0;
    for (const WaitCut& cut : std::span<const WaitCut>(r.cuts, r.count)) {
      Varint(cut.after - before);
      Varint(cut.stream);
      Varint(cut.stack);
      Varint(cut.flags);
      before = cut.after;
    }
  }
  void Put(const LockReleaseRecord& r) {
    Begin(Tag::kLockRelease, static_cast<uint8_t>(r.api), r.time);
    Difference(r.lock, &state_->last_lock);
    Varint(r.stack);
  }
  void Put(const LockAcquireRecord& r) {
    Begin(Tag::kLockAcquire, static_cast<uint8_t>(r.api), r.time);
    Difference(r.lock, &state_->last_lock);
    Varint(r.stack);
    Varint(r.interval);
    Varint(r.outer);
  }
  void Put(const LockSectionRecord& r) {
    Begin(Tag::kLockSection, static_cast<uint8_t>(r.api), r.flags, r.time);
    Varint(r.hold);
    Varint(r.running_ns);
    Difference(r.lock, &state_->last_lock);
    for (const uint64_t field : {r.stack, r.interval, r.wait, r.allocations, r.bytes, r.allocator,
                                 r.waits, r.waited, r.idle}) {
      Varint(field);
    }
  }
  void Put(const AllocatorCallRecord& r) {
    Begin(Tag::kAllocatorCall, static_cast<uint8_t>(r.api), r.time);
    for (const uint64_t field : {r.duration, r.size, r.usable, r.every, r.interval_bytes})
      Varint(field);
  }
  void Put(const MemoryRecord& r) {
    Begin(Tag::kMemory, r.time);
    for (const uint64_t field :
         {r.anonymous, r.file, r.shared, r.stack, r.swapped, r.mapped, r.dump}) {
      Varint(field);
    }
  }
  void Put(const IntervalRecord& r) {
    Begin(Tag::kInterval, r.time);
    Varint(r.interval_bytes);
  }
  void Put(const ThinRecord& r) {
    Begin(Tag::kThin, r.time);
    Varint(r.interval_bytes);
  }
  void Put(const MarkRecord& r) {
    Begin(Tag::kMark, r.time);
    Text(r.text);
  }
  void Put(const UnseenRecord& r) {
    Begin(Tag::kUnseen, r.time);
    Text(r.path);
  }
  void Put(const LockFrameRecord& r) {
    Begin(Tag::kLockFrame);
    for (const uint64_t field : {r.lock, r.thread, r.stack}) Varint(field);
  }
  void Put(const LockMappingRecord& r) {
    Begin(Tag::kLockMapping);
    for (const uint64_t field : {r.lock, r.device, r.inode, r.offset}) Varint(field);
    Text(r.path);
  }
  void Put(const ClockRecord& r) {
    Begin(Tag::kClock, r.time);
    Varint(r.monotonic_ns);
    Varint(r.realtime_ns);
  }
  // The caller clears the state and the tables.
  void Put(const ResetRecord&) { Byte(static_cast<uint8_t>(Tag::kReset)); }

  void Begin(Tag tag) { Byte(static_cast<uint8_t>(tag)); }
  template <typename... Small>
  void Begin(Tag tag, Small... fields_then_time) {
    Byte(static_cast<uint8_t>(tag));
    Head(fields_then_time...);
  }
  void Head(uint64_t time) { Difference(time, &state_->last_time); }
  template <typename... Rest>
  void Head(uint64_t field, Rest... rest) {
    Varint(field);
    Head(rest...);
  }
};

// Reads the records of one segment's committed bytes. Hostile input is expected: every read is
// bounded, every enum is checked. After Next() returns false, error() says whether the bytes were
// used up (nullptr) or what was wrong at offset(). Views in records point into the bytes given or into
// the state.
class Decoder : public CompactDecoder {
 public:
  // REQUIRES: `state` is as the stream's last segment left it, unless BeginsAfresh(bytes).
  Decoder(std::span<const uint8_t> bytes, DecoderState* state) : CompactDecoder(bytes, state) {}

  // Can the segment be read without those before it?
  static bool BeginsAfresh(std::span<const uint8_t> bytes) {
    return !bytes.empty() && bytes[0] == static_cast<uint8_t>(Tag::kReset);
  }

  // Bytes consumed by whole records: where the next (or the bad) record begins.
  size_t offset() const { return record_begin_; }

  // False at the end of the bytes or at damage.
  bool Next(Record* out) {
    CompactEvent event = {};
    if (NextCompact(&event)) {
      ToRecord(event, out);
      return true;
    }
    if (error() != nullptr) return false;
    record_begin_ = end();
    if (IsAtEnd()) return false;
    Plain(static_cast<Tag>(Byte()), out);
    return error() == nullptr;
  }
  // The next record, if it is a compact allocation or free. False: it is not and was not read, or it is damaged.
  bool NextCompact(CompactEvent* out) {
    if (error() != nullptr || IsAtEnd() || !IsCompact(Peek())) return false;
    record_begin_ = end();
    Compact(Byte(), out);
    return error() == nullptr;
  }

 private:
  static void ToRecord(const CompactEvent& event, Record* out) {
    if (event.is_free) {
      *out = FreeRecord{event.api, 0, event.time, event.address, event.stack};
    } else {
      *out = AllocRecord{event.api, event.time, event.address, event.size, event.stack};
    }
  }
  void Plain(Tag tag, Record* out) {
    switch (tag) {
      case Tag::kThread: {
        auto& r = out->emplace<ThreadRecord>();
        r.time = Time();
        r.tid = Varint();
        r.name = Text();
        return;
      }
      case Tag::kThreadEnd:
        out->emplace<ThreadEndRecord>().time = Time();
        return;
      case Tag::kModuleLoad: {
        auto& r = out->emplace<ModuleLoadRecord>();
        r.time = Time();
        r.epoch = Varint();
        r.start = Varint();
        r.end = Varint();
        r.bias = Varint();
        r.build_id = Text();
        r.path = Text();
        return;
      }
      case Tag::kModuleUnload: {
        auto& r = out->emplace<ModuleUnloadRecord>();
        r.time = Time();
        r.epoch = Varint();
        r.start = Varint();
        return;
      }
      case Tag::kStack:
      case Tag::kPredictedStack:
        return Stack(tag == Tag::kPredictedStack, &out->emplace<StackRecord>());
      case Tag::kAlloc:
      case Tag::kSampledAlloc: {
        auto& r = out->emplace<AllocRecord>();
        r.api = Api<HeapApi>();
        r.time = Time();
        r.address = Difference(&state_->codec.last_address);
        r.size = Varint();
        r.stack = Varint();
        if (tag == Tag::kSampledAlloc) r.limit = Limit();
        return;
      }
      case Tag::kFree: {
        auto& r = out->emplace<FreeRecord>();
        r.api = Api<HeapApi>();
        r.flags = Varint();
        r.time = Time();
        r.address = Difference(&state_->codec.last_address);
        r.stack = Varint();
        return;
      }
      case Tag::kRealloc:
      case Tag::kSampledRealloc: {
        auto& r = out->emplace<ReallocRecord>();
        r.api = Api<HeapApi>();
        r.flags = Varint();
        r.time = Time();
        r.duration = Varint();
        r.old_address = Difference(&state_->codec.last_address);
        r.new_address = Difference(&state_->codec.last_address);
        r.size = Varint();
        r.stack = Varint();
        if (tag == Tag::kSampledRealloc) r.limit = Limit();
        return;
      }
      case Tag::kCompactRealloc:
        return CompactRealloc(&out->emplace<ReallocRecord>());
      case Tag::kLockWait:
        return Wait(&out->emplace<LockWaitRecord>());
      case Tag::kLockRelease: {
        auto& r = out->emplace<LockReleaseRecord>();
        r.api = Api<LockApi>();
        r.time = Time();
        r.lock = Difference(&state_->codec.last_lock);
        r.stack = Varint();
        return;
      }
      case Tag::kLockAcquire: {
        auto& r = out->emplace<LockAcquireRecord>();
        r.api = Api<LockApi>();
        r.time = Time();
        r.lock = Difference(&state_->codec.last_lock);
        r.stack = Varint();
        r.interval = Varint();
        r.outer = Varint();
        return;
      }
      case Tag::kLockSection:
        return Section(&out->emplace<LockSectionRecord>());
      case Tag::kAllocatorCall:
        return AllocatorCall(&out->emplace<AllocatorCallRecord>());
      case Tag::kMemory:
        return Memory(&out->emplace<MemoryRecord>());
      case Tag::kInterval: {
        auto& r = out->emplace<IntervalRecord>();
        r.time = Time();
        r.interval_bytes = Interval();
        return;
      }
      case Tag::kThin: {
        auto& r = out->emplace<ThinRecord>();
        r.time = Time();
        r.interval_bytes = Interval();
        return;
      }
      case Tag::kMark: {
        auto& r = out->emplace<MarkRecord>();
        r.time = Time();
        r.text = Text();
        return;
      }
      case Tag::kUnseen: {
        auto& r = out->emplace<UnseenRecord>();
        r.time = Time();
        r.path = Text();
        return;
      }
      case Tag::kClock: {
        auto& r = out->emplace<ClockRecord>();
        r.time = Time();
        r.monotonic_ns = Varint();
        r.realtime_ns = Varint();
        return;
      }
      case Tag::kLockFrame: {
        auto& r = out->emplace<LockFrameRecord>();
        for (uint64_t* field : {&r.lock, &r.thread, &r.stack}) *field = Varint();
        return;
      }
      case Tag::kLockMapping: {
        auto& r = out->emplace<LockMappingRecord>();
        for (uint64_t* field : {&r.lock, &r.device, &r.inode, &r.offset}) *field = Varint();
        r.path = Text();
        return;
      }
      case Tag::kReset:
        state_->Reset();
        out->emplace<ResetRecord>();
        return;
    }
    Fail("unknown record tag");
  }

  void Stack(bool is_predicted, StackRecord* r) {
    r->first_id = state_->codec.last_stack + Varint();
    r->parent = Varint();
    r->epoch = Varint();
    r->flags = Varint();
    r->count = Varint();
    if (r->count > kMaxStackNodes) return Fail("stack with more frames than the format allows");
    state_->codec.last_stack = r->first_id + r->count - 1;
    state_->has_tables |= is_predicted;
    uint64_t outer = 0;
    for (uint64_t i = 0; i < r->count; ++i) {
      outer = is_predicted ? PredictedFrame(outer) : outer + UnZigZag(Varint());
      state_->pcs[i] = outer;
    }
    r->pcs = state_->pcs;
  }

  void Wait(LockWaitRecord* r) {
    r->api = Api<LockApi>();
    r->flags = Varint();
    r->result = Varint();
    r->time = Time();
    r->wait = Varint();
    r->lock = Difference(&state_->codec.last_lock);
    r->stack = Varint();
    r->interval = Varint();
    r->count = Varint();
    if (r->count > kMaxWaitCuts) return Fail("wait with more cuts than the format allows");
    uint64_t after = 0;
    for (WaitCut& cut : std::span(state_->cuts, r->count)) {
      after += Varint();
      cut.after = after;
      cut.stream = Varint();
      cut.stack = Varint();
      cut.flags = Varint();
    }
    r->cuts = state_->cuts;
  }

  void Section(LockSectionRecord* r) {
    r->api = Api<LockApi>();
    r->flags = Varint();
    r->time = Time();
    r->hold = Varint();
    r->running_ns = Varint();
    r->lock = Difference(&state_->codec.last_lock);
    for (uint64_t* field : {&r->stack, &r->interval, &r->wait, &r->allocations, &r->bytes,
                            &r->allocator, &r->waits, &r->waited, &r->idle}) {
      *field = Varint();
    }
  }

  void AllocatorCall(AllocatorCallRecord* r) {
    r->api = Api<HeapApi>();
    r->time = Time();
    for (uint64_t* field : {&r->duration, &r->size, &r->usable, &r->every}) *field = Varint();
    r->interval_bytes = Interval();
  }

  void Memory(MemoryRecord* r) {
    r->time = Time();
    for (uint64_t* field :
         {&r->anonymous, &r->file, &r->shared, &r->stack, &r->swapped, &r->mapped, &r->dump}) {
      *field = Varint();
    }
  }

  uint64_t Interval() {
    const uint64_t bytes = Varint();
    if (bytes > kGreatestInterval) Fail("sampling interval out of range");
    return bytes;
  }
  uint32_t Limit() {
    const uint64_t limit = Varint();
    if (limit >= sampling::kNoLimit) Fail("limit of a sampled block out of range");
    return static_cast<uint32_t>(limit);
  }
  uint64_t Time() { return Difference(&state_->codec.last_time); }

  template <typename Enum>
  Enum Api() {
    const uint64_t value = Varint();
    if (value >= static_cast<uint64_t>(Enum::kCount)) {
      Fail("unknown api number");
      return Enum{};
    }
    return static_cast<Enum>(value);
  }

  size_t record_begin_ = 0;
};

}  // namespace perfagent

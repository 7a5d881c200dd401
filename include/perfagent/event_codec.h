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
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>

#include "perfagent/compact_codec.h"
#include "perfagent/record_fields.h"
#include "perfagent/records.h"

namespace perfagent {

// Largest encoding of a record without text or frames: a tag and nine fields.
inline constexpr size_t kMaxPlainRecord = 1 + 9 * kMaxVarint;

inline constexpr size_t kMaxSectionRecord =
    1 + decltype(record_fields::kLayout<LockSectionRecord>)::kFields * kMaxVarint;
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

  template <record_fields::Plain R>
  void Put(const R& r) {
    constexpr const auto& kLayout = record_fields::kLayout<R>;
    Byte(static_cast<uint8_t>(kLayout.tag));
    std::apply([&](auto... fields) { (Field(r, fields), ...); }, kLayout.fields);
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
    Put<FreeRecord>(r);
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
  // The caller clears the state and the tables.
  void Put(const ResetRecord&) { Byte(static_cast<uint8_t>(Tag::kReset)); }

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

 private:
  template <typename R>
  void Field(const R& r, record_fields::Time<R> time) {
    Difference(r.*time.member, &state_->last_time);
  }
  template <typename R>
  void Field(const R& r, record_fields::BlockAddress<R> address) {
    Difference(r.*address.member, &state_->last_address);
  }
  template <typename R>
  void Field(const R& r, record_fields::LockAddress<R> lock) {
    Difference(r.*lock.member, &state_->last_lock);
  }
  template <typename R>
  void Field(const R& r, record_fields::Interval<R> interval) {
    Varint(r.*interval.member);
  }
  template <typename R>
  void Field(const R& r, std::string_view R::*text) {
    Text(r.*text);
  }
  template <typename R, typename Number>
  void Field(const R& r, Number R::*number) {
    Varint(static_cast<uint64_t>(r.*number));
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
      case Tag::kReset:
        state_->Reset();
        out->emplace<ResetRecord>();
        return;
      default:
        if (!AnyPlain(tag, out)) Fail("unknown record tag");
    }
  }

  bool AnyPlain(Tag tag, Record* out) {
    return [&]<typename... R>(std::variant<R...>*) { return (PlainIf<R>(tag, out) || ...); }(out);
  }
  template <typename R>
  bool PlainIf(Tag tag, Record* out) {
    if constexpr (record_fields::Plain<R>) {
      constexpr const auto& kLayout = record_fields::kLayout<R>;
      if (tag != kLayout.tag) return false;
      auto& r = out->emplace<R>();
      std::apply([&](auto... fields) { (Field(&r, fields), ...); }, kLayout.fields);
      return true;
    }
    return false;
  }
  template <typename R>
  void Field(R* r, record_fields::Time<R> time) {
    r->*time.member = Time();
  }
  template <typename R>
  void Field(R* r, record_fields::BlockAddress<R> address) {
    r->*address.member = Difference(&state_->codec.last_address);
  }
  template <typename R>
  void Field(R* r, record_fields::LockAddress<R> lock) {
    r->*lock.member = Difference(&state_->codec.last_lock);
  }
  template <typename R>
  void Field(R* r, record_fields::Interval<R> interval) {
    r->*interval.member = Interval();
  }
  template <typename R>
  void Field(R* r, std::string_view R::*text) {
    r->*text = Text();
  }
  template <typename R>
  void Field(R* r, uint64_t R::*number) {
    r->*number = Varint();
  }
  template <typename R, typename Enum>
  requires std::is_enum_v<Enum>
  void Field(R* r, Enum R::*api) { r->*api = Api<Enum>(); }

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

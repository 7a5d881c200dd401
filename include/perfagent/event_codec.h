// event_codec.h: records <-> bytes. Encoder and decoder stand side by side so that their prediction
// state cannot drift.
//
// Both keep a CodecState that starts from zero in each segment. Times are coded as the difference
// to the record before; heap and lock addresses as the difference to the last address of their
// sort. Differences are zigzag LEB128.
//
// Times and durations of records are ticks of the dump's clock; the analyzer's readers turn those of a
// decoded record into nanoseconds in place.
//
// Threads: an Encoder or Decoder belongs to one thread. No allocation, no system call; safe in
// signal handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <variant>

#include "perfagent/dump_format.h"
#include "perfagent/sampling.h"

namespace perfagent {

struct ThreadRecord {
  uint64_t time;
  uint64_t tid;
  std::string_view name;
};
struct ThreadEndRecord {
  uint64_t time;
};
struct ModuleLoadRecord {
  uint64_t time;
  uint64_t epoch;
  uint64_t start;  // first and one past the last mapped address
  uint64_t end;
  uint64_t bias;              // address in the process minus address in the file's symbol table
  std::string_view build_id;  // raw bytes, empty when the object has none
  std::string_view path;
};
struct ModuleUnloadRecord {
  uint64_t time;
  uint64_t epoch;
  uint64_t start;
};
// pcs: leaf first. The encoder reads them from `pcs`; the decoder leaves their bytes in `packed`
// (see UnpackFrames), so that decoding needs no memory.
struct StackRecord {
  uint64_t id;
  uint64_t epoch;
  uint64_t flags;
  uint64_t count;
  const uint64_t* pcs;
  std::span<const uint8_t> packed;
};
struct AllocRecord {
  HeapApi api;
  uint64_t time;
  uint64_t address;
  uint64_t size;
  uint64_t stack;
  uint32_t limit = sampling::kNoLimit;
};
struct FreeRecord {
  HeapApi api;
  uint64_t flags;
  uint64_t time;
  uint64_t address;
  uint64_t stack;
};
struct ReallocRecord {
  HeapApi api;
  uint64_t flags;
  uint64_t time;      // the old block ends
  uint64_t duration;  // the new block begins this much later
  uint64_t old_address;
  uint64_t new_address;
  uint64_t size;
  uint64_t stack;
  uint32_t limit = sampling::kNoLimit;  // of the new block
};
struct LockWaitRecord {
  LockApi api;
  uint64_t result;  // what the call returned
  uint64_t time;    // when the wait began
  uint64_t wait;
  uint64_t lock;
  uint64_t stack;
};
struct LockAcquireRecord {
  LockApi api;
  uint64_t time;
  uint64_t lock;
  uint64_t stack;
};

struct IntervalRecord {
  uint64_t time;
  uint64_t interval_bytes;
};
struct ThinRecord {
  uint64_t time;
  uint64_t interval_bytes;
};
struct MarkRecord {
  uint64_t time;
  std::string_view text;
};
struct UnseenRecord {
  uint64_t time;
  std::string_view path;
};
struct ClockRecord {
  uint64_t time;
  uint64_t monotonic_ns;
  uint64_t realtime_ns;
};

using Record =
    std::variant<ThreadRecord, ThreadEndRecord, ModuleLoadRecord, ModuleUnloadRecord, StackRecord,
                 AllocRecord, FreeRecord, ReallocRecord, LockWaitRecord, LockAcquireRecord,
                 IntervalRecord, MarkRecord, UnseenRecord, ClockRecord, ThinRecord>;

inline constexpr size_t kMaxVarint = 10;
// Largest encoding of a record without text or frames: a tag and nine fields.
inline constexpr size_t kMaxPlainRecord = 1 + 9 * kMaxVarint;

constexpr size_t MaxStackRecord(size_t frames) { return 1 + (4 + frames) * kMaxVarint; }
constexpr size_t MaxTextRecord(size_t text_bytes) { return 1 + 8 * kMaxVarint + text_bytes; }
static_assert(MaxStackRecord(kMaxFrames) < kSegmentPayload);

struct CodecState {
  uint64_t last_time = 0;
  uint64_t last_address = 0;
  uint64_t last_lock = 0;
};

constexpr uint64_t ZigZag(uint64_t difference) {
  return (difference << 1) ^ (0 - (difference >> 63));
}
constexpr uint64_t UnZigZag(uint64_t coded) { return (coded >> 1) ^ (0 - (coded & 1)); }

// Appends records to a buffer. REQUIRES: room for the record (see kMaxPlainRecord, MaxStackRecord,
// MaxTextRecord); the caller checks, so that one check serves a stack and the event that uses it.
class Encoder {
 public:
  Encoder(uint8_t* out, CodecState* state) : begin_(out), out_(out), state_(state) {}

  size_t size() const { return static_cast<size_t>(out_ - begin_); }

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
    Byte(static_cast<uint8_t>(Tag::kStack));
    Varint(r.id);
    Varint(r.epoch);
    Varint(r.flags);
    Varint(r.count);
    uint64_t last = 0;
    for (uint64_t i = 0; i < r.count; ++i) {
      Varint(ZigZag(r.pcs[i] - last));
      last = r.pcs[i];
    }
  }
  void Put(const AllocRecord& r) {
    const bool sampled = r.limit != sampling::kNoLimit;
    Begin(sampled ? Tag::kSampledAlloc : Tag::kAlloc, static_cast<uint8_t>(r.api), r.time);
    Difference(r.address, &state_->last_address);
    Varint(r.size);
    Varint(r.stack);
    if (sampled) Varint(r.limit);
  }
  void Put(const FreeRecord& r) {
    Begin(Tag::kFree, static_cast<uint8_t>(r.api), r.flags, r.time);
    Difference(r.address, &state_->last_address);
    Varint(r.stack);
  }
  void Put(const ReallocRecord& r) {
    const bool sampled = r.limit != sampling::kNoLimit;
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
    Begin(Tag::kLockWait, static_cast<uint8_t>(r.api), r.result, r.time);
    Varint(r.wait);
    Difference(r.lock, &state_->last_lock);
    Varint(r.stack);
  }
  void Put(const LockAcquireRecord& r) {
    Begin(Tag::kLockAcquire, static_cast<uint8_t>(r.api), r.time);
    Difference(r.lock, &state_->last_lock);
    Varint(r.stack);
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
  void Put(const ClockRecord& r) {
    Begin(Tag::kClock, r.time);
    Varint(r.monotonic_ns);
    Varint(r.realtime_ns);
  }

 private:
  // A record's head: the tag, its small fields as they come, and its time as a difference.
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
  void Difference(uint64_t value, uint64_t* last) {
    Varint(ZigZag(value - *last));
    *last = value;
  }
  void Byte(uint8_t value) { *out_++ = value; }
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      Byte(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    Byte(static_cast<uint8_t>(value));
  }
  void Text(std::string_view text) {
    Varint(text.size());
    memcpy(out_, text.data(), text.size());
    out_ += text.size();
  }

  uint8_t* begin_;
  uint8_t* out_;
  CodecState* state_;
};

// Reads the records of one segment's committed bytes. Hostile input is expected: every read is
// bounded, every enum is checked. Views in records point into the bytes given.
class Decoder {
 public:
  explicit Decoder(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // Fills *out in place; what is left of it afterwards is only good when this is true. Once it is
  // false, error() says whether the bytes were used up (nullptr) or what was wrong at offset().
  bool Next(Record* out) {
    record_begin_ = at_;
    if (error_ != nullptr || at_ == bytes_.size()) return false;
    Decode(static_cast<Tag>(bytes_[at_++]), out);
    return error_ == nullptr;
  }

  const char* error() const { return error_; }
  // Where the record of the last Next begins, or the bad one; where the bytes end when there is none.
  size_t offset() const { return record_begin_; }
  // Where that record ends.
  size_t end() const { return at_; }

 private:
  void Decode(Tag tag, Record* out) {
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
        return Stack(&out->emplace<StackRecord>());
      case Tag::kAlloc:
      case Tag::kSampledAlloc: {
        auto& r = out->emplace<AllocRecord>();
        r.api = Api<HeapApi>();
        r.time = Time();
        r.address = Difference(&state_.last_address);
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
        r.address = Difference(&state_.last_address);
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
        r.old_address = Difference(&state_.last_address);
        r.new_address = Difference(&state_.last_address);
        r.size = Varint();
        r.stack = Varint();
        if (tag == Tag::kSampledRealloc) r.limit = Limit();
        return;
      }
      case Tag::kLockWait: {
        auto& r = out->emplace<LockWaitRecord>();
        r.api = Api<LockApi>();
        r.result = Varint();
        r.time = Time();
        r.wait = Varint();
        r.lock = Difference(&state_.last_lock);
        r.stack = Varint();
        return;
      }
      case Tag::kLockAcquire: {
        auto& r = out->emplace<LockAcquireRecord>();
        r.api = Api<LockApi>();
        r.time = Time();
        r.lock = Difference(&state_.last_lock);
        r.stack = Varint();
        return;
      }
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
    }
    error_ = "unknown record tag";
  }

  void Stack(StackRecord* r) {
    r->id = Varint();
    r->epoch = Varint();
    r->flags = Varint();
    r->count = Varint();
    if (r->count > kMaxFrames) {
      error_ = "stack with more frames than the format allows";
      return;
    }
    const size_t begin = at_;
    for (uint64_t i = 0; i < r->count; ++i) Varint();
    r->packed = bytes_.subspan(begin, at_ - begin);
  }

  uint64_t Interval() {
    const uint64_t bytes = Varint();
    if (bytes > kGreatestInterval) error_ = "sampling interval out of range";
    return bytes;
  }
  uint32_t Limit() {
    const uint64_t limit = Varint();
    if (limit >= sampling::kNoLimit) error_ = "limit of a sampled block out of range";
    return static_cast<uint32_t>(limit);
  }
  uint64_t Time() { return Difference(&state_.last_time); }
  uint64_t Difference(uint64_t* last) { return *last += UnZigZag(Varint()); }

  template <typename Enum>
  Enum Api() {
    const uint64_t value = Varint();
    if (value >= static_cast<uint64_t>(Enum::kCount)) {
      error_ = "unknown api number";
      return Enum{};
    }
    return static_cast<Enum>(value);
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == bytes_.size()) {
        error_ = "record cut short";
        return 0;
      }
      const uint8_t byte = bytes_[at_++];
      value |= shift < 64 ? static_cast<uint64_t>(byte & 0x7f) << shift : 0;
      if (byte < 0x80) return value;
    }
    error_ = "number longer than 64 bits";
    return 0;
  }

  std::string_view Text() {
    const uint64_t size = Varint();
    if (size > bytes_.size() - at_) {
      error_ = "text longer than its segment";
      return {};
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data() + at_), size);
    at_ += size;
    return text;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  size_t record_begin_ = 0;
  const char* error_ = nullptr;
  CodecState state_;
};

// Calls frame(pc) for each pc of a decoded stack, leaf first. REQUIRES: `stack` came from a
// Decoder.
template <typename Frame>
void UnpackFrames(const StackRecord& stack, Frame frame) {
  uint64_t pc = 0;
  size_t at = 0;
  for (uint64_t i = 0; i < stack.count; ++i) {
    uint64_t coded = 0;
    for (unsigned shift = 0;; shift += 7) {
      const uint8_t byte = stack.packed[at++];
      coded |= shift < 64 ? static_cast<uint64_t>(byte & 0x7f) << shift : 0;
      if (byte < 0x80) break;
    }
    pc += UnZigZag(coded);
    frame(pc);
  }
}

}  // namespace perfagent

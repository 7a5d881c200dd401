// event_codec.h: records <-> bytes. Encoder and decoder stand side by side so that their prediction
// state cannot drift.
//
// Both keep a CodecState, and in full mode the tables of prediction.h, from one record of a stream to the
// next; a ResetRecord sets them to zero. Times are coded as the difference to the record before; heap and
// lock addresses as the difference to the last address of their sort. Differences are zigzag LEB128.
//
// With tables, heap events are compact: a token and what it does not say,
//
//   token  kind 3 bits | site 2 bits | time 3 bits      kind 0: the low five bits are a Tag, and what
//                                                       follows is a record without tables
//   site   nothing, 1, 2 bytes or in full               prediction.h
//   time   difference in units of kTimeUnit ticks;      so times are rounded down to such units
//          7: a number follows, of those beyond 7
//   then, where they are not as predicted: an address or a distance, a size
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
#include "perfagent/prediction.h"
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
// Defines `count` stacks, each with one frame more than the one before: ids first_id, first_id + 1, ... The first is
// `parent` (0: the outermost frame is its own) with pcs[0]. Decoded pcs are valid until the next record.
struct StackRecord {
  uint64_t first_id;
  uint64_t parent;
  uint64_t epoch;
  uint64_t flags;
  uint64_t count;
  const uint64_t* pcs;
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
struct ResetRecord {};

using Record =
    std::variant<ThreadRecord, ThreadEndRecord, ModuleLoadRecord, ModuleUnloadRecord, StackRecord,
                 AllocRecord, FreeRecord, ReallocRecord, LockWaitRecord, LockAcquireRecord,
                 IntervalRecord, MarkRecord, UnseenRecord, ClockRecord, ThinRecord, ResetRecord>;

inline constexpr size_t kMaxVarint = 10;
// Largest encoding of a record without text or frames: a tag and nine fields.
inline constexpr size_t kMaxPlainRecord = 1 + 9 * kMaxVarint;

constexpr size_t MaxStackRecord(size_t frames) { return 1 + (5 + frames) * kMaxVarint; }
constexpr size_t MaxTextRecord(size_t text_bytes) { return 1 + 8 * kMaxVarint + text_bytes; }
static_assert(MaxStackRecord(kMaxStackNodes) < kSegmentPayload);

struct CodecState {
  uint64_t last_time = 0;
  uint64_t last_address = 0;  // with tables: where the next block of a fresh heap would be
  uint64_t last_freed = 0;
  uint64_t last_lock = 0;
  uint64_t last_stack = 0;
};

// A compact event's token.
namespace token {
enum Kind : uint8_t {
  kPlain = 0,
  // Is the block the one freed last, of that size? Is the size the site's last?
  kAllocBoth = 1,
  kAllocBlock = 2,
  kAllocSize = 3,
  kAllocNeither = 4,
  // Is the block known by its distance, and is that the site's last?
  kFreeBoth = 5,
  kFreeDistance = 6,
  kFreeAddress = 7,
};
inline constexpr unsigned kKindShift = 5, kSiteShift = 3, kSiteMask = 3;
inline constexpr uint64_t kTimeInNumber = 7;
}  // namespace token

inline constexpr unsigned kTimeShift = 7;
inline constexpr uint64_t kTimeUnit = 1 << kTimeShift;

// The low bits of a predicted stack's frames.
namespace frame_code {
enum Code : uint8_t { kNext = 0, kKnown = 1, kDifference = 2, kWhole = 3 };
inline constexpr unsigned kBits = 2;
}  // namespace frame_code

// A compact realloc's second byte: which of its fields are as predicted.
namespace realloc_bits {
inline constexpr uint8_t kInPlace = 4, kOldIsOwn = 8;  // the low two bits: SiteCode
}

constexpr uint64_t ZigZag(uint64_t difference) {
  return (difference << 1) ^ (0 - (difference >> 63));
}
constexpr uint64_t UnZigZag(uint64_t coded) { return (coded >> 1) ^ (0 - (coded & 1)); }

// Appends records to a buffer. REQUIRES: room for the record (see kMaxPlainRecord, MaxStackRecord,
// MaxTextRecord); the caller checks, so that one check serves a stack and the event that uses it.
class Encoder {
 public:
  Encoder(uint8_t* out, CodecState* state, prediction::EncoderTables* tables = nullptr)
      : begin_(out), out_(out), state_(state), tables_(tables) {}

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
  // The caller clears the state and the tables.
  void Put(const ResetRecord&) { Byte(static_cast<uint8_t>(Tag::kReset)); }

 private:
  void PutCompact(const AllocRecord& r) {
    const prediction::Site site = prediction::SiteOf(r.stack, static_cast<uint8_t>(r.api));
    const uint32_t slot = prediction::Sites::SlotOf(site);
    const uint8_t size_class = prediction::FreedBlocks::ClassOf(r.size);
    uint32_t& usual_size = tables_->sites.detail(slot);
    const bool knows_block = tables_->freed.Last(size_class) == r.address;
    const bool knows_size = usual_size == r.size;
    Token(static_cast<uint8_t>(token::kAllocBoth + (knows_block ? 0 : 2) + (knows_size ? 0 : 1)),
          site, slot, r.time);
    if (knows_block) {
      tables_->freed.Drop(size_class);
    } else {
      Place(r.address, &state_->last_address);
    }
    if (!knows_size) Varint(r.size);
    usual_size = static_cast<uint32_t>(r.size);
    state_->last_address = r.address + size_class * uint64_t{16};
    tables_->own.Add(r.address, size_class);
  }
  void PutCompact(const FreeRecord& r) {
    const prediction::Site site = prediction::SiteOf(r.stack, static_cast<uint8_t>(r.api));
    const uint32_t slot = prediction::Sites::SlotOf(site);
    const prediction::OwnBlock own = tables_->own.Take(r.address);
    uint32_t& usual_distance = tables_->sites.detail(slot);
    if (own.distance == 0) {
      Token(token::kFreeAddress, site, slot, r.time);
      Place(r.address, &state_->last_freed);
    } else if (own.distance == usual_distance) {
      Token(token::kFreeBoth, site, slot, r.time);
    } else {
      Token(token::kFreeDistance, site, slot, r.time);
      Varint(own.distance);
      usual_distance = static_cast<uint32_t>(own.distance);
    }
    state_->last_freed = r.address;
    tables_->freed.Push(own.size_class, r.address);
  }
  void PutCompact(const ReallocRecord& r) {
    const prediction::Site site = prediction::SiteOf(r.stack, static_cast<uint8_t>(r.api));
    const uint32_t slot = prediction::Sites::SlotOf(site);
    const prediction::OwnBlock old = tables_->own.Take(r.old_address);
    const bool in_place = r.old_address == r.new_address;
    Byte(static_cast<uint8_t>(Tag::kCompactRealloc));
    const prediction::SiteCode code = tables_->sites.CodeOf(site, slot);
    Byte(static_cast<uint8_t>(code | (in_place ? realloc_bits::kInPlace : 0) |
                              (old.distance != 0 ? realloc_bits::kOldIsOwn : 0)));
    SiteBytes(code, site, slot);
    Varint(Units(r.time));
    Varint(UnitsAfter(r.time + r.duration));
    if (old.distance != 0) {
      Varint(old.distance);
    } else {
      Place(r.old_address, &state_->last_freed);
    }
    if (!in_place) Place(r.new_address, &state_->last_address);
    Varint(r.size);
    state_->last_freed = r.old_address;
    const uint8_t size_class = prediction::FreedBlocks::ClassOf(r.size);
    state_->last_address = r.new_address + size_class * uint64_t{16};
    if (!in_place) tables_->freed.Push(old.size_class, r.old_address);
    tables_->own.Add(r.new_address, size_class);
  }

  void Token(uint8_t kind, prediction::Site site, uint32_t slot, uint64_t time) {
    const prediction::SiteCode code = tables_->sites.CodeOf(site, slot);
    const uint64_t units = Units(time);
    const uint64_t few = units < token::kTimeInNumber ? units : token::kTimeInNumber;
    Byte(static_cast<uint8_t>(kind << token::kKindShift | code << token::kSiteShift | few));
    SiteBytes(code, site, slot);
    if (few == token::kTimeInNumber) Varint(units - few);
  }
  void SiteBytes(prediction::SiteCode code, prediction::Site site, uint32_t slot) {
    if (code == prediction::kRecent) {
      Byte(static_cast<uint8_t>(prediction::Sites::RecentSlot(slot)));
    } else if (code == prediction::kKnown) {
      Byte(static_cast<uint8_t>(slot));
      Byte(static_cast<uint8_t>(slot >> 8));
    } else if (code == prediction::kNew) {
      Byte(prediction::ApiOf(site));
      Varint(ZigZag(state_->last_stack - prediction::StackOf(site)));
    }
    tables_->sites.Saw(site, slot);
  }
  // Compact times do not go back. Others do, at least once in a segment: it says whose it is when its first event has begun.
  bool CanBeCompact(uint64_t time) const {
    return tables_ != nullptr && time >> kTimeShift >= state_->last_time >> kTimeShift;
  }
  // Units of time since the last record.
  uint64_t Units(uint64_t time) {
    const uint64_t last = state_->last_time >> kTimeShift;
    const uint64_t now = time >> kTimeShift;
    if (now == last) return 0;
    state_->last_time = now << kTimeShift;
    return now - last;
  }
  // Of a time that comes after that of the record: rounded down like all times, or addresses would seem to be used twice.
  uint64_t UnitsAfter(uint64_t time) const {
    return (time >> kTimeShift) - (state_->last_time >> kTimeShift);
  }
  // An address of 57 bits at most, most often of 16 bytes' alignment.
  void Place(uint64_t address, const uint64_t* near) {
    const uint64_t difference = address - *near;
    if (difference % 16 == 0) {
      Varint(ZigZag(static_cast<uint64_t>(static_cast<int64_t>(difference) >> 4)) << 1);
    } else {
      Varint(ZigZag(difference) << 1 | 1);
    }
  }
  void Frame(uint64_t outer, uint64_t pc) {
    if (tables_ == nullptr) return Varint(ZigZag(pc - outer));
    prediction::Frames& frames = tables_->frames;
    const size_t slot = prediction::Frames::SlotOf(pc);
    const uint64_t difference = ZigZag(pc - outer);
    if (frames.next(outer) == pc) {
      Byte(frame_code::kNext);
    } else if (frames.known(slot) == pc) {
      Varint(slot << frame_code::kBits | frame_code::kKnown);
    } else if (difference >> (64 - frame_code::kBits) == 0) {
      Varint(difference << frame_code::kBits | frame_code::kDifference);
    } else {
      Byte(frame_code::kWhole);
      Varint(pc);
    }
    frames.Saw(outer, pc);
  }

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
  prediction::EncoderTables* tables_;
};

// What a decoder carries from one segment of a stream to the next. All zero is the state at the start.
struct DecoderState {
  CodecState codec;
  bool has_tables = false;  // in use since the last reset
  prediction::DecoderTables tables = {};
  uint64_t pcs[kMaxStackNodes] = {};

  void Reset() {
    codec = {};
    if (has_tables) memset(&tables, 0, sizeof tables);
    has_tables = false;
  }
};

// Reads the records of one segment's committed bytes. Hostile input is expected: every read is
// bounded, every enum is checked. After Next() returns false, error() says whether the bytes were
// used up (nullptr) or what was wrong at offset(). Views in records point into the bytes given or into
// the state.
class Decoder {
 public:
  // REQUIRES: `state` is as the stream's last segment left it, unless BeginsAfresh(bytes).
  Decoder(std::span<const uint8_t> bytes, DecoderState* state)
      : begin_(bytes.data()),
        at_(begin_),
        end_(begin_ + bytes.size()),
        record_begin_(begin_),
        state_(state) {}

  // Can the segment be read without those before it?
  static bool BeginsAfresh(std::span<const uint8_t> bytes) {
    return !bytes.empty() && bytes[0] == static_cast<uint8_t>(Tag::kReset);
  }

  const char* error() const { return error_; }
  // Bytes consumed by whole records: where the next (or the bad) record begins.
  size_t offset() const { return static_cast<size_t>(record_begin_ - begin_); }
  // Bytes consumed with the last record.
  size_t end() const { return static_cast<size_t>(at_ - begin_); }

  // False at the end of the bytes or at damage.
  bool Next(Record* out) {
    record_begin_ = at_;
    if (error_ != nullptr || at_ == end_) return false;
    const uint8_t first = *at_++;
    if (first >> token::kKindShift != token::kPlain) [[likely]] {
      Compact(first, out);
    } else {
      Plain(static_cast<Tag>(first), out);
    }
    return error_ == nullptr;
  }

 private:
  void Compact(uint8_t first, Record* out) {
    state_->has_tables = true;
    const auto kind = static_cast<token::Kind>(first >> token::kKindShift);
    const auto code =
        static_cast<prediction::SiteCode>(first >> token::kSiteShift & token::kSiteMask);
    const prediction::Site site = Site(code);
    uint64_t units = first & token::kTimeInNumber;
    if (units == token::kTimeInNumber) units += Varint();
    const uint64_t time = Advance(units);
    const auto api = static_cast<HeapApi>(prediction::ApiOf(site));
    if (kind <= token::kAllocNeither) {
      Allocation(kind, time, api, site, &out->emplace<AllocRecord>());
    } else {
      Free(kind, time, api, site, &out->emplace<FreeRecord>());
    }
  }

  void Allocation(token::Kind kind, uint64_t time, HeapApi api, prediction::Site site,
                  AllocRecord* r) {
    if (!IsAllocation(api)) return Fail("an allocation by a function that frees");
    const bool knows_block = kind == token::kAllocBoth || kind == token::kAllocBlock;
    const bool knows_size = kind == token::kAllocBoth || kind == token::kAllocSize;
    // The size says where the block is, so it is read first where it is known; else it comes last.
    uint32_t& usual_size = state_->tables.sites.detail(slot_);
    const uint64_t near = knows_block ? 0 : Place(state_->codec.last_address);
    r->api = api;
    r->time = time;
    r->size = knows_size ? usual_size : Varint();
    r->stack = prediction::StackOf(site);
    r->limit = sampling::kNoLimit;
    const uint8_t size_class = prediction::FreedBlocks::ClassOf(r->size);
    r->address = near;
    if (knows_block) {
      r->address = state_->tables.freed.Last(size_class);
      state_->tables.freed.Drop(size_class);
    }
    usual_size = static_cast<uint32_t>(r->size);
    state_->codec.last_address = r->address + size_class * uint64_t{16};
    state_->tables.own.Add(r->address, size_class);
  }

  void Free(token::Kind kind, uint64_t time, HeapApi api, prediction::Site site, FreeRecord* r) {
    // Any function may free: realloc to 0 bytes does.
    uint32_t& usual_distance = state_->tables.sites.detail(slot_);
    uint8_t size_class = 0;
    if (kind == token::kFreeAddress) {
      r->address = Place(state_->codec.last_freed);
    } else {
      if (kind == token::kFreeDistance) usual_distance = static_cast<uint32_t>(Varint());
      r->address = state_->tables.own.AddressAt(usual_distance);
      size_class = state_->tables.own.ClassAt(usual_distance);
    }
    r->api = api;
    r->flags = 0;
    r->time = time;
    r->stack = prediction::StackOf(site);
    state_->codec.last_freed = r->address;
    state_->tables.freed.Push(size_class, r->address);
  }

  void CompactRealloc(ReallocRecord* r) {
    state_->has_tables = true;
    const uint8_t bits = Byte();
    const prediction::Site site = Site(static_cast<prediction::SiteCode>(bits & 3));
    r->time = Advance(Varint());
    const uint64_t return_units = Varint();
    r->duration =
        return_units == 0 ? 0 : (((r->time >> kTimeShift) + return_units) << kTimeShift) - r->time;
    uint8_t old_class = 0;
    if ((bits & realloc_bits::kOldIsOwn) != 0) {
      const uint64_t distance = Varint();
      r->old_address = state_->tables.own.AddressAt(distance);
      old_class = state_->tables.own.ClassAt(distance);
    } else {
      r->old_address = Place(state_->codec.last_freed);
    }
    const bool in_place = (bits & realloc_bits::kInPlace) != 0;
    r->new_address = in_place ? r->old_address : Place(state_->codec.last_address);
    r->size = Varint();
    r->api = static_cast<HeapApi>(prediction::ApiOf(site));
    r->flags = kReallocEndsOld | kReallocBeginsNew;
    r->stack = prediction::StackOf(site);
    r->limit = sampling::kNoLimit;
    if (!IsAllocation(r->api)) return Fail("a realloc by a function that frees");
    state_->codec.last_freed = r->old_address;
    const uint8_t size_class = prediction::FreedBlocks::ClassOf(r->size);
    state_->codec.last_address = r->new_address + size_class * uint64_t{16};
    if (!in_place) state_->tables.freed.Push(old_class, r->old_address);
    state_->tables.own.Add(r->new_address, size_class);
  }

  static bool IsAllocation(HeapApi api) { return api < HeapApi::kFree; }

  // Leaves the site's slot in slot_.
  prediction::Site Site(prediction::SiteCode code) {
    prediction::Sites& sites = state_->tables.sites;
    prediction::Site site = 0;
    if (code == prediction::kNext) {
      site = sites.next();
    } else if (code == prediction::kRecent) {
      site = sites.recent(Byte());
    } else if (code == prediction::kKnown) {
      const uint32_t low = Byte();
      site = sites.known(low | uint32_t{Byte()} << 8);
    } else {
      const auto api = static_cast<uint8_t>(Byte());
      if (api >= static_cast<uint8_t>(HeapApi::kCount)) Fail("unknown api number");
      site = prediction::SiteOf(state_->codec.last_stack - UnZigZag(Varint()), api);
    }
    slot_ = prediction::Sites::SlotOf(site);
    sites.Saw(site, slot_);
    return site;
  }
  uint64_t Advance(uint64_t units) {
    uint64_t& last = state_->codec.last_time;
    if (units != 0) last = ((last >> kTimeShift) + units) << kTimeShift;
    return last;
  }
  uint64_t Place(uint64_t near) {
    const uint64_t coded = Varint();
    const uint64_t difference = UnZigZag(coded >> 1);
    return near + ((coded & 1) != 0 ? difference : difference << 4);
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
      case Tag::kLockWait: {
        auto& r = out->emplace<LockWaitRecord>();
        r.api = Api<LockApi>();
        r.result = Varint();
        r.time = Time();
        r.wait = Varint();
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
  uint64_t PredictedFrame(uint64_t outer) {
    prediction::Frames& frames = state_->tables.frames;
    const uint64_t coded = Varint();
    const uint64_t value = coded >> frame_code::kBits;
    uint64_t pc = 0;
    switch (coded & ((1 << frame_code::kBits) - 1)) {
      case frame_code::kNext:
        pc = frames.next(outer);
        break;
      case frame_code::kKnown:
        pc = frames.known(value);
        break;
      case frame_code::kDifference:
        pc = outer + UnZigZag(value);
        break;
      default:
        pc = Varint();
    }
    frames.Saw(outer, pc);
    return pc;
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
  uint64_t Difference(uint64_t* last) { return *last += UnZigZag(Varint()); }

  template <typename Enum>
  Enum Api() {
    const uint64_t value = Varint();
    if (value >= static_cast<uint64_t>(Enum::kCount)) {
      Fail("unknown api number");
      return Enum{};
    }
    return static_cast<Enum>(value);
  }

  void Fail(const char* error) {
    if (error_ == nullptr) error_ = error;
  }
  uint8_t Byte() {
    if (at_ != end_) [[likely]]
      return *at_++;
    Fail("record cut short");
    return 0;
  }
  uint64_t Varint() {
    if (at_ != end_ && *at_ < 0x80) [[likely]]
      return *at_++;
    return LongVarint();
  }
  uint64_t LongVarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) {
        Fail("record cut short");
        return 0;
      }
      const uint8_t byte = *at_++;
      value |= shift < 64 ? static_cast<uint64_t>(byte & 0x7f) << shift : 0;
      if (byte < 0x80) return value;
    }
    Fail("number longer than 64 bits");
    return 0;
  }

  std::string_view Text() {
    const uint64_t size = Varint();
    if (size > static_cast<size_t>(end_ - at_)) {
      Fail("text longer than its segment");
      return {};
    }
    const std::string_view text(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return text;
  }

  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  const uint8_t* record_begin_;
  DecoderState* state_;
  uint32_t slot_ = 0;  // of the site read last
  const char* error_ = nullptr;
};

}  // namespace perfagent

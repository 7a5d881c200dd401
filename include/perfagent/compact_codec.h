// compact_codec.h: the heap events of full mode, and the frames of its stacks, <-> bytes that say only what is not as
// predicted (prediction.h). Encoder and decoder stand side by side.
//
//   token  kind 3 bits | site 2 bits | time 3 bits      kind 0: the low five bits are a Tag, and what
//                                                       follows is a record without tables
//   site   nothing, 1, 2 bytes or in full               prediction.h
//   time   difference in units of kTimeUnit ticks;      so times are rounded down to such units
//          7: a number follows, of those beyond 7
//   then, where they are not as predicted: an address or a distance, a size
//
// Threads: belongs to one encoder or decoder. No allocation, no system call; safe in signal handlers.
#pragma once

#include "perfagent/byte_stream.h"
#include "perfagent/prediction.h"
#include "perfagent/records.h"

namespace perfagent {

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

class CompactEncoder : public ByteWriter {
 protected:
  // `tables` may be null: then nothing is compact.
  CompactEncoder(uint8_t* out, CodecState* state, prediction::EncoderTables* tables)
      : ByteWriter(out), state_(state), tables_(tables) {}

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
  // Compact times do not go back. Others do, at least once in a segment: it says whose it is when its first event has begun.
  bool CanBeCompact(uint64_t time) const {
    return tables_ != nullptr && time >> kTimeShift >= state_->last_time >> kTimeShift;
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

  CodecState* state_;
  prediction::EncoderTables* tables_;

 private:
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
};

// What a decoder carries from one segment of a stream to the next. All zero is the state at the start.
struct DecoderState {
  CodecState codec;
  bool has_tables = false;  // in use since the last reset
  prediction::DecoderTables tables = {};
  uint64_t pcs[kMaxStackNodes] = {};
  WaitCut cuts[kMaxWaitCuts] = {};

  void Reset() {
    codec = {};
    if (has_tables) memset(&tables, 0, sizeof tables);
    has_tables = false;
  }
};

// An allocation or a free in full mode, as they are by the million.
struct CompactEvent {
  bool is_free;
  HeapApi api;
  uint64_t time;
  uint64_t address;
  uint64_t size;  // of allocations
  uint64_t stack;
};

class CompactDecoder : public ByteReader {
 protected:
  CompactDecoder(std::span<const uint8_t> bytes, DecoderState* state)
      : ByteReader(bytes), state_(state) {}

  static bool IsCompact(uint8_t first) { return first >> token::kKindShift != token::kPlain; }

  void Compact(uint8_t first, CompactEvent* out) {
    state_->has_tables = true;
    const auto kind = static_cast<token::Kind>(first >> token::kKindShift);
    const auto code =
        static_cast<prediction::SiteCode>(first >> token::kSiteShift & token::kSiteMask);
    const prediction::Site site = Site(code);
    uint64_t units = first & token::kTimeInNumber;
    if (units == token::kTimeInNumber) units += Varint();
    out->time = Advance(units);
    out->api = static_cast<HeapApi>(prediction::ApiOf(site));
    out->stack = prediction::StackOf(site);
    out->is_free = kind > token::kAllocNeither;
    if (out->is_free) {
      Free(kind, out);
    } else {
      Allocation(kind, out);
    }
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

  DecoderState* state_;

 private:
  void Allocation(token::Kind kind, CompactEvent* out) {
    if (!IsAllocation(out->api)) return Fail("an allocation by a function that frees");
    const bool knows_block = kind == token::kAllocBoth || kind == token::kAllocBlock;
    const bool knows_size = kind == token::kAllocBoth || kind == token::kAllocSize;
    // The size says where the block is, so it is read first where it is known; else it comes last.
    uint32_t& usual_size = state_->tables.sites.detail(slot_);
    const uint64_t near = knows_block ? 0 : Place(state_->codec.last_address);
    const uint64_t size = knows_size ? usual_size : Varint();
    const uint8_t size_class = prediction::FreedBlocks::ClassOf(size);
    uint64_t address = near;
    if (knows_block) {
      address = state_->tables.freed.Last(size_class);
      state_->tables.freed.Drop(size_class);
    }
    usual_size = static_cast<uint32_t>(size);
    state_->codec.last_address = address + size_class * uint64_t{16};
    state_->tables.own.Add(address, size_class);
    out->size = size;
    out->address = address;
  }

  void Free(token::Kind kind, CompactEvent* out) {
    // Any function may free: realloc to 0 bytes does.
    uint32_t& usual_distance = state_->tables.sites.detail(slot_);
    uint8_t size_class = 0;
    uint64_t address = 0;
    if (kind == token::kFreeAddress) {
      address = Place(state_->codec.last_freed);
    } else {
      if (kind == token::kFreeDistance) usual_distance = static_cast<uint32_t>(Varint());
      address = state_->tables.own.AddressAt(usual_distance);
      size_class = state_->tables.own.ClassAt(usual_distance);
    }
    state_->codec.last_freed = address;
    state_->tables.freed.Push(size_class, address);
    out->address = address;
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

  uint32_t slot_ = 0;  // of the site read last
};

}  // namespace perfagent

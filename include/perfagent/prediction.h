// prediction.h: what is likely to come next in a thread's heap events, as encoder and decoder both know it.
//
// In full mode most fields of an event can be said in a few bits, because both sides keep the same tables of what was
// before: a program calls from the same places in the same order, frees what it allocated a moment ago, and gets the block
// back that it freed last.
//
// Threads: belongs to one encoder or decoder. No allocation; all zero is the state at the start.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent::prediction {

// A place in the program: a stack and the call that is made there.
using Site = uint64_t;
constexpr unsigned kApiBits = 8;
constexpr Site SiteOf(uint64_t stack, uint8_t api) { return stack << kApiBits | api; }
constexpr uint64_t StackOf(Site site) { return site >> kApiBits; }
constexpr uint8_t ApiOf(Site site) { return site & ((1 << kApiBits) - 1); }

// How a site is coded, the shortest way first.
enum SiteCode : uint8_t {
  kNext = 0,    // the one that came after the last one, last time
  kRecent = 1,  // one byte: its slot among the recent ones
  kKnown = 2,   // two bytes: its slot among the known ones
  kNew = 3,     // in full
};

class Sites {
 public:
  static constexpr size_t kRecentSlots = 256, kKnownSlots = 4096;

  static constexpr uint32_t SlotOf(Site site) {
    return static_cast<uint32_t>(site * 0x9e3779b97f4a7c15 >> 52);
  }
  static constexpr uint32_t RecentSlot(uint32_t slot) { return slot % kRecentSlots; }

  SiteCode CodeOf(Site site, uint32_t slot) const {
    if (next_[last_] == site) return kNext;
    if (recent_[RecentSlot(slot)] == site) return kRecent;
    return known_[slot] == site ? kKnown : kNew;
  }
  Site next() const { return next_[last_]; }
  Site recent(size_t slot) const { return recent_[slot % kRecentSlots]; }
  Site known(size_t slot) const { return known_[slot % kKnownSlots]; }
  void Saw(Site site, uint32_t slot) {
    next_[last_] = recent_[RecentSlot(slot)] = known_[slot] = site;
    last_ = slot;
  }

  // What came with the site last time: an allocation's size, a free's distance.
  uint32_t& detail(uint32_t slot) { return detail_[slot]; }

 private:
  Site recent_[kRecentSlots];
  Site known_[kKnownSlots];
  Site next_[kKnownSlots];  // by the slot of the one before
  uint32_t detail_[kKnownSlots];
  uint32_t last_;
};
static_assert(Sites::kKnownSlots == size_t{1} << 12);

// Allocators keep freed blocks of one size on a stack: the next of that size is the last one freed.
class FreedBlocks {
 public:
  // glibc's chunk of so many bytes in units of 16; 0: none of these.
  static constexpr uint8_t ClassOf(uint64_t size) {
    constexpr uint64_t kLargest = 1032;
    if (size > kLargest) return 0;
    const uint64_t units = (size + 23) >> 4;
    return static_cast<uint8_t>(units < 2 ? 2 : units);
  }

  // 0 when none is known.
  uint64_t Last(uint8_t size_class) const {
    const Stack& stack = stacks_[size_class];
    return stack.block[(stack.top - 1) % kDepth];
  }
  void Drop(uint8_t size_class) {
    Stack& stack = stacks_[size_class];
    stack.block[--stack.top % kDepth] = 0;
  }
  void Push(uint8_t size_class, uint64_t block) {
    if (size_class == 0) return;
    Stack& stack = stacks_[size_class];
    stack.block[stack.top++ % kDepth] = block;
  }

 private:
  static constexpr size_t kDepth = 8;
  struct Stack {
    uint64_t block[kDepth];
    uint32_t top;
  };
  Stack stacks_[66];  // ClassOf's greatest, and 0
};

// The frames of new stacks: a return address is often followed inward by the one that followed it last time.
class Frames {
 public:
  static constexpr size_t kSlots = 4096;

  uint64_t next(uint64_t outer) const { return next_[SlotOf(outer)]; }
  uint64_t known(size_t slot) const { return known_[slot % kSlots]; }
  static size_t SlotOf(uint64_t pc) { return pc * 0x9e3779b97f4a7c15 >> 52; }
  void Saw(uint64_t outer, uint64_t pc) {
    next_[SlotOf(outer)] = pc;
    known_[SlotOf(pc)] = pc;
  }

 private:
  uint64_t next_[kSlots], known_[kSlots];
};

// A free names a block of the thread's own by how many allocations ago it was made.
struct OwnBlock {
  uint64_t distance;  // 1: the latest; 0: not known
  uint8_t size_class;
};
inline constexpr uint64_t kGreatestDistance = (1 << 15) - 1;

// Encoder: address to distance. One slot per 32 bytes of heap; a later block takes the slot of an earlier one.
class BlocksByAddress {
 public:
  void Add(uint64_t address, uint8_t size_class) {
    ++count_;
    if (CanKeep(address))
      slots_[SlotOf(address)] =
          TagOf(address) | uint64_t{size_class} << kClassShift | NumberOf(count_);
  }
  // Afterwards it is not known.
  OwnBlock Take(uint64_t address) {
    if (!CanKeep(address)) return {0, 0};
    uint64_t& slot = slots_[SlotOf(address)];
    if ((slot ^ TagOf(address)) >> kTagShift != 0 || slot == 0) return {0, 0};
    const uint64_t distance = NumberOf(count_ + 1 - slot);
    const OwnBlock found = {distance, static_cast<uint8_t>(slot >> kClassShift)};
    slot = 0;
    return distance <= kGreatestDistance ? found : OwnBlock{0, 0};
  }

 private:
  // 36 bits of address, 8 of class, 20 of number: tables start afresh long before numbers come again.
  static constexpr unsigned kClassShift = 20, kTagShift = 28, kSlotBits = 14;
  static constexpr uint64_t NumberOf(uint64_t count) { return count & ((1 << kClassShift) - 1); }
  static bool CanKeep(uint64_t address) { return address % 16 == 0 && address >> 54 == 0; }
  static size_t SlotOf(uint64_t address) { return (address >> 5) % (size_t{1} << kSlotBits); }
  static uint64_t TagOf(uint64_t address) {
    return (address >> (5 + kSlotBits) << 1 | (address >> 4 & 1)) << kTagShift;
  }

  uint64_t slots_[size_t{1} << kSlotBits];
  uint64_t count_;
};

// Decoder: distance to address.
class BlocksByNumber {
 public:
  void Add(uint64_t address, uint8_t size_class) {
    blocks_[++count_ % (kGreatestDistance + 1)] = address << 8 | size_class;
  }
  uint64_t AddressAt(uint64_t distance) const { return At(distance) >> 8; }
  uint8_t ClassAt(uint64_t distance) const { return static_cast<uint8_t>(At(distance)); }

 private:
  uint64_t At(uint64_t distance) const {
    return blocks_[(count_ + 1 - distance) % (kGreatestDistance + 1)];
  }

  uint64_t blocks_[kGreatestDistance + 1];
  uint64_t count_;
};

template <typename OwnBlocks>
struct Tables {
  Sites sites;
  FreedBlocks freed;
  Frames frames;
  OwnBlocks own;
};
using EncoderTables = Tables<BlocksByAddress>;
using DecoderTables = Tables<BlocksByNumber>;

}  // namespace perfagent::prediction

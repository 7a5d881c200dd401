// lock_addresses.h: which blocks hold a lock that was waited for?
//
// Asked at the beginning of every block, and nearly always answered by a bit: that of the block's page, in a bitmap of the
// pages that have locks. The bitmap (4 KiB) stays in the first-level cache. A set bit, or a block of many pages, is
// looked up.
//
// Threads: any, once it is made.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "analyzer/dump/segment_reader.h"

namespace perfagent {

class LockAddresses {
 public:
  // Indices of addresses, in their order.
  struct Range {
    size_t begin;
    size_t end;
    bool empty() const { return begin == end; }
  };

  // Of waits that ended, and of those that did not.
  LockAddresses(std::span<const LockTableEntry> tables, std::span<const OngoingEntry> ongoing);

  bool AnyIn(uint64_t address, uint64_t size) const {
    return MayBeIn(address, size) && !In(address, size).empty();
  }
  Range In(uint64_t address, uint64_t size) const;
  size_t size() const { return addresses_.size(); }
  uint64_t operator[](size_t i) const { return addresses_[i]; }

 private:
  static constexpr int kPageBits = 12;
  static constexpr int kFilterBits = 15;
  static constexpr uint64_t kMostPages = 4;

  static size_t BitOf(uint64_t page) { return page * 0x9e3779b97f4a7c15 >> (64 - kFilterBits); }
  static uint64_t EndOf(uint64_t address, uint64_t size) {
    constexpr uint64_t kEnd = std::numeric_limits<uint64_t>::max();
    return size < kEnd - address ? address + size : kEnd;
  }
  // May say yes when there is none.
  bool MayBeIn(uint64_t address, uint64_t size) const {
    const uint64_t last_page = EndOf(address, size) >> kPageBits;
    uint64_t page = address >> kPageBits;
    if (last_page - page >= kMostPages) return true;
    for (; page <= last_page; ++page) {
      if (pages_[BitOf(page)]) return true;
    }
    return false;
  }

  std::vector<uint64_t> addresses_;  // ascending
  std::bitset<size_t{1} << kFilterBits> pages_;
};

}  // namespace perfagent

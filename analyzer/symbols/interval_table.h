// interval_table.h: which of many address ranges cover an address? Ranges may nest and overlap.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace perfagent {

template <typename Value>
class IntervalTable {
 public:
  struct Entry {
    uint64_t low;
    uint64_t high;  // exclusive
    Value value;
    uint64_t highest = 0;  // the greatest `high` up to here: where a search backwards may end
  };

  void Add(uint64_t low, uint64_t high, Value value) {
    if (low < high) entries_.push_back({low, high, value});
  }

  // To be called once, between the last Add and the first Find. Of ranges that begin together the
  // shortest comes last, and of equal ranges the one that `better` prefers.
  template <typename Better>
  void Sort(Better better) {
    std::stable_sort(entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) {
      if (a.low != b.low) return a.low < b.low;
      if (a.high != b.high) return a.high > b.high;
      return better(b.value, a.value);
    });
    uint64_t highest = 0;
    for (Entry& entry : entries_) entry.highest = highest = std::max(highest, entry.high);
  }
  void Sort() {
    Sort([](const Value&, const Value&) { return false; });
  }

  // The innermost range that covers `address` and that `accept` takes, or null. Gives up after
  // kMaxSteps ranges, so that a hostile file cannot make every search linear.
  template <typename Accept>
  const Entry* Find(uint64_t address, Accept accept) const {
    auto after = FirstBeginningAfter(address);
    for (int step = 0; after != entries_.begin() && step < kMaxSteps; ++step) {
      --after;
      if (after->highest <= address) return nullptr;
      if (address < after->high && accept(after->value)) return &*after;
    }
    return nullptr;
  }
  const Entry* Find(uint64_t address) const {
    return Find(address, [](const Value&) { return true; });
  }

  // The last range that begins at or below `address`, whether it covers it or not; or null.
  const Entry* LastBeginningBy(uint64_t address) const {
    auto after = FirstBeginningAfter(address);
    return after == entries_.begin() ? nullptr : &*std::prev(after);
  }

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  std::vector<Entry>& entries() { return entries_; }

 private:
  typename std::vector<Entry>::const_iterator FirstBeginningAfter(uint64_t address) const {
    return std::upper_bound(entries_.begin(), entries_.end(), address,
                            [](uint64_t a, const Entry& entry) { return a < entry.low; });
  }

  static constexpr int kMaxSteps = 256;
  std::vector<Entry> entries_;
};

}  // namespace perfagent

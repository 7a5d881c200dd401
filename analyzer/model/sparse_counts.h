// sparse_counts.h: a number for each of a few dozen buckets, most of which are never used.
//
// A profile may have hundreds of thousands of sites, and most of these have blocks in one bucket or two.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace perfagent {

template <typename Number, size_t kBuckets>
class SparseCounts {
 public:
  static_assert(kBuckets <= 64);

  SparseCounts() = default;
  SparseCounts(const SparseCounts& other) { Merge(other); }
  SparseCounts(SparseCounts&&) noexcept = default;
  SparseCounts& operator=(const SparseCounts& other) { return *this = SparseCounts(other); }
  SparseCounts& operator=(SparseCounts&&) noexcept = default;
  ~SparseCounts() = default;

  // REQUIRES: bucket < kBuckets.
  void Add(size_t bucket, Number more) {
    if ((used_ & BitOf(bucket)) == 0) [[unlikely]]
      MakeRoom(bucket);
    numbers_[PlaceOf(bucket)] += more;
  }
  template <typename Other>
  void Merge(const SparseCounts<Other, kBuckets>& other) {
    other.ForEach(
        [this](size_t bucket, Other number) { Add(bucket, static_cast<Number>(number)); });
  }

  // Calls visit(bucket, number) for those that were added to, from the first on.
  template <typename Visit>
  void ForEach(Visit visit) const {
    size_t place = 0;
    for (uint64_t left = used_; left != 0; left &= left - 1)
      visit(static_cast<size_t>(std::countr_zero(left)), numbers_[place++]);
  }
  std::array<Number, kBuckets> All() const {
    std::array<Number, kBuckets> all = {};
    ForEach([&](size_t bucket, Number number) { all[bucket] = number; });
    return all;
  }

 private:
  static uint64_t BitOf(size_t bucket) { return uint64_t{1} << bucket; }
  size_t PlaceOf(size_t bucket) const {
    return static_cast<size_t>(std::popcount(used_ & (BitOf(bucket) - 1)));
  }
  [[gnu::noinline]] void MakeRoom(size_t bucket) {
    const auto before = static_cast<size_t>(std::popcount(used_));
    const size_t place = PlaceOf(bucket);
    auto numbers = std::make_unique<Number[]>(before + 1);
    std::copy_n(numbers_.get(), place, numbers.get());
    std::copy_n(numbers_.get() + place, before - place, numbers.get() + place + 1);
    numbers_ = std::move(numbers);
    used_ |= BitOf(bucket);
  }

  uint64_t used_ = 0;                  // a bit for each bucket
  std::unique_ptr<Number[]> numbers_;  // of those, by bucket
};

}  // namespace perfagent

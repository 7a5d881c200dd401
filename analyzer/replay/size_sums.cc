#include "analyzer/replay/size_sums.h"

#include <algorithm>

namespace perfagent {
namespace {

// Of a chunk its size is before the block, and the next chunk's first 8 bytes are the block's, too.
constexpr ByteSum GlibcBytes(uint64_t size) {
  return std::max((ByteSum{size} + 8 + 15) / 16 * 16, ByteSum{32}) - 8;
}

}  // namespace

void SizeSums::Apply(std::span<const Change> changes) {
  for (const Change& change : changes) {
    if (change.kind != Change::kBegin) continue;
    const size_t at = SizeClassOf(change.size);
    if (change.interval_bytes == 0) [[likely]] {
      Exact& exact = exact_[at];
      ++exact.blocks;
      exact.bytes += change.size;
      exact.glibc_bytes += GlibcBytes(change.size);
      continue;
    }
    const Weight weight = change.WeightNow();
    SizeClass& estimated = estimated_[at];
    estimated.allocations.Add(1, weight);
    estimated.bytes.Add(static_cast<double>(change.size), weight);
    estimated.glibc_bytes.Add(static_cast<double>(GlibcBytes(change.size)), weight);
  }
}

void SizeSums::AddTo(std::array<SizeClass, kSizeClasses>* sizes) const {
  for (size_t i = 0; i < kSizeClasses; ++i) {
    SizeClass& sum = (*sizes)[i];
    sum.allocations.Merge(estimated_[i].allocations);
    sum.bytes.Merge(estimated_[i].bytes);
    sum.glibc_bytes.Merge(estimated_[i].glibc_bytes);
    sum.allocations.AddCertain(static_cast<double>(exact_[i].blocks));
    sum.bytes.AddCertain(static_cast<double>(exact_[i].bytes));
    sum.glibc_bytes.AddCertain(static_cast<double>(exact_[i].glibc_bytes));
  }
}

}  // namespace perfagent

#include "analyzer/replay/size_sums.h"

namespace perfagent {

void SizeSums::Exact::Add(uint64_t count, uint64_t size, uint64_t usable) {
  blocks += count;
  bytes += ByteSum{count} * size;
  usable_bytes += ByteSum{count} * usable;
}

void SizeSums::Apply(std::span<const Change> changes) {
  for (const Change& change : changes) {
    if (change.kind != Change::kBegin) continue;
    if (change.interval_bytes == 0) [[likely]] {
      if (change.size < kSmall) [[likely]] {
        ++small_[change.size];
      } else {
        large_[SizeBucketOf(change.size)].Add(1, change.size, UsableBytes(change.size));
      }
      continue;
    }
    const Weight weight = change.WeightNow();
    SizeBucket& estimated = estimated_[SizeBucketOf(change.size)];
    estimated.allocations.Add(1, weight);
    estimated.bytes.Add(static_cast<double>(change.size), weight);
    estimated.usable_bytes.Add(static_cast<double>(UsableBytes(change.size)), weight);
  }
}

void SizeSums::AddTo(std::array<SizeBucket, kSizeBuckets>* sizes) const {
  std::array<Exact, kSizeBuckets> exact = large_;
  for (uint64_t size = 0; size < kSmall; ++size)
    exact[SizeBucketOf(size)].Add(small_[size], size, UsableBytes(size));
  for (size_t i = 0; i < kSizeBuckets; ++i) {
    SizeBucket& sum = (*sizes)[i];
    sum.allocations.Merge(estimated_[i].allocations);
    sum.bytes.Merge(estimated_[i].bytes);
    sum.usable_bytes.Merge(estimated_[i].usable_bytes);
    sum.allocations.AddCertain(static_cast<double>(exact[i].blocks));
    sum.bytes.AddCertain(static_cast<double>(exact[i].bytes));
    sum.usable_bytes.AddCertain(static_cast<double>(exact[i].usable_bytes));
  }
}

}  // namespace perfagent

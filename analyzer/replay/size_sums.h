// size_sums.h: how large the blocks are that begin.
//
// Threads: one.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "analyzer/model/heap_profile.h"
#include "analyzer/model/size_classes.h"
#include "analyzer/replay/block_replay.h"

namespace perfagent {

class SizeSums {
 public:
  explicit SizeSums(SizeClasses classes) : classes_(classes) {}

  void Apply(std::span<const Change> changes);
  void AddTo(std::array<SizeBucket, kSizeBuckets>* sizes) const;

 private:
  struct Exact {
    uint64_t blocks = 0;
    ByteSum bytes = 0;
    ByteSum usable_bytes = 0;

    void Add(uint64_t count, uint64_t size, uint64_t usable);
  };
  // Most blocks are small: these are only counted, and summed up at the end.
  static constexpr uint64_t kSmall = 2048;

  uint64_t UsableBytes(uint64_t size) const {
    return TakenBytes(classes_, size) - HeaderBytes(classes_);
  }

  const SizeClasses classes_;
  std::array<uint64_t, kSmall> small_ = {};
  std::array<Exact, kSizeBuckets> large_ = {};
  std::array<SizeBucket, kSizeBuckets> estimated_ = {};
};

}  // namespace perfagent

// size_sums.h: how large the blocks are that begin.
//
// Threads: one.
#pragma once

#include <array>
#include <span>

#include "analyzer/model/heap_profile.h"
#include "analyzer/replay/block_replay.h"

namespace perfagent {

class SizeSums {
 public:
  void Apply(std::span<const Change> changes);
  void AddTo(std::array<SizeClass, kSizeClasses>* sizes) const;

 private:
  struct Exact {
    uint64_t blocks = 0;
    ByteSum bytes = 0;
    ByteSum glibc_bytes = 0;
  };

  std::array<Exact, kSizeClasses> exact_ = {};
  std::array<SizeClass, kSizeClasses> estimated_ = {};
};

}  // namespace perfagent

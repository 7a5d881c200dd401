// chunks.h: an array that grows without moving what is in it, and has memory only where it is used.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace perfagent {

template <typename T>
class Chunks {
 public:
  // What has not been used before is T().
  T& operator[](size_t i) {
    if (i / kChunk >= chunks_.size()) [[unlikely]]
      chunks_.resize(i / kChunk + 1);
    std::unique_ptr<Chunk>& chunk = chunks_[i / kChunk];
    if (chunk == nullptr) [[unlikely]]
      chunk = std::make_unique<Chunk>();
    return (*chunk)[i % kChunk];
  }
  // nullptr where nothing near it has been used.
  const T* Find(size_t i) const {
    if (i / kChunk >= chunks_.size() || chunks_[i / kChunk] == nullptr) return nullptr;
    return &(*chunks_[i / kChunk])[i % kChunk];
  }

 private:
  static constexpr size_t kChunk = 64;
  using Chunk = std::array<T, kChunk>;

  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace perfagent

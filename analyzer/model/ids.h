// ids.h: indices of different sorts, which do not compile when mixed.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace perfagent {

template <typename Sort>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(size_t value) : value_(static_cast<uint32_t>(value)) {}
  constexpr uint32_t value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;
  template <typename H>
  friend H AbslHashValue(H hash, Id id) {
    return H::combine(std::move(hash), id.value_);
  }

 private:
  uint32_t value_ = 0;
};

using StreamId = Id<struct StreamSort>;  // SegmentIndex::streams
using ModuleId = Id<struct ModuleSort>;  // Process::modules
using StackId = Id<struct StackSort>;    // Process::Frames
using SiteId = Id<struct SiteSort>;      // HeapProfile::sites
using LockId = Id<struct LockSort>;      // LockProfile::locks

inline constexpr StackId kNoStack{0};  // no frames

}  // namespace perfagent

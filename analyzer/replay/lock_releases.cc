#include "analyzer/replay/lock_releases.h"

#include <algorithm>
#include <tuple>

namespace perfagent {
namespace {

// Ticks become nanoseconds on two ways: as a time, and as a time and what passed since.
constexpr uint64_t kRoundingNs = 4;

uint64_t Distance(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

}  // namespace

void LockReleases::Add(uint32_t stream, uint64_t lock, uint64_t time_ns, StackId stack) {
  releases_.push_back({lock, time_ns, stream, stack});
}

void LockReleases::Sort() {
  std::stable_sort(releases_.begin(), releases_.end(), [](const Release& a, const Release& b) {
    return std::tie(a.lock, a.stream, a.time_ns) < std::tie(b.lock, b.stream, b.time_ns);
  });
}

StackId LockReleases::Find(uint64_t stream, uint64_t lock, uint64_t time_ns) const {
  const uint64_t earliest = time_ns - std::min(time_ns, kRoundingNs);
  auto release =
      std::lower_bound(releases_.begin(), releases_.end(), std::tie(lock, stream, earliest),
                       [](const Release& a, const auto& key) {
                         return std::make_tuple(a.lock, uint64_t{a.stream}, a.time_ns) < key;
                       });
  StackId nearest = kNoStack;
  uint64_t nearest_ns = kRoundingNs + 1;
  for (; release != releases_.end() && release->lock == lock && release->stream == stream;
       ++release) {
    const uint64_t distance_ns = Distance(release->time_ns, time_ns);
    if (distance_ns >= nearest_ns) break;
    nearest = release->stack;
    nearest_ns = distance_ns;
  }
  return nearest;
}

}  // namespace perfagent

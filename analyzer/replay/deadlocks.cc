#include "analyzer/replay/deadlocks.h"

#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace perfagent {

std::vector<std::vector<size_t>> FindDeadlocks(std::span<const UnendedWait> waits) {
  absl::flat_hash_map<uint64_t, size_t> wait_of;  // by thread
  for (size_t i = 0; i < waits.size(); ++i) {
    if (IsLock(KindOf(waits[i].api)) && waits[i].owner_tid != 0)
      wait_of.try_emplace(waits[i].tid, i);
  }
  std::vector<std::vector<size_t>> deadlocks;
  std::vector<size_t> walk_of(waits.size());  // the walk that came by first, from 1 on
  for (size_t start = 0; start < waits.size(); ++start) {
    // Each thread waits for one lock: a walk either ends, or meets an earlier one, or itself.
    auto at = wait_of.find(waits[start].tid);
    while (at != wait_of.end() && walk_of[at->second] == 0) {
      walk_of[at->second] = start + 1;
      at = wait_of.find(waits[at->second].owner_tid);
    }
    if (at == wait_of.end() || walk_of[at->second] != start + 1) continue;
    std::vector<size_t> cycle;
    const size_t first = at->second;
    do {
      cycle.push_back(at->second);
      at = wait_of.find(waits[at->second].owner_tid);
    } while (at->second != first);
    deadlocks.push_back(std::move(cycle));
  }
  return deadlocks;
}

}  // namespace perfagent

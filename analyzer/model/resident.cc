#include "analyzer/model/resident.h"

#include <algorithm>

namespace perfagent {

std::optional<Resident> ResidentAtEnd(const HeapProfile& heap) {
  if (!heap.memory_at_end) return std::nullopt;
  const MemoryRecord& last = *heap.memory_at_end;
  const auto anonymous = static_cast<double>(last.anonymous);
  Resident parts;
  parts.time_ns = last.time;
  const double asked = heap.timed_calls.asked().value();
  const double growth = asked > 0 ? heap.timed_calls.usable().value() / asked : 1;
  const double live = heap.total.live_bytes.value();
  parts.live = std::min(live, anonymous);
  parts.untouched = live - parts.live;
  parts.rounding = std::min(live * (growth - 1), anonymous - parts.live);
  parts.unexplained = anonymous - parts.live - parts.rounding;
  // The dump's pages are a file's, or on tmpfs shared memory.
  const double of_file = std::min(last.dump, last.file);
  const double of_shared = last.dump > last.file ? std::min(last.dump - last.file, last.shared) : 0;
  parts.dump = of_file + of_shared;
  parts.file = static_cast<double>(last.file) - of_file;
  parts.shared = static_cast<double>(last.shared) - of_shared;
  parts.total = anonymous + static_cast<double>(last.file) + static_cast<double>(last.shared);
  return parts;
}

}  // namespace perfagent

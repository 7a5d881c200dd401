#include "analyzer/live/live_definitions.h"

#include <set>
#include <utility>
#include <variant>

namespace perfagent {

void LiveDefinitions::Add(uint32_t stream, const Record& record) {
  if (const auto* stack = std::get_if<StackRecord>(&record)) return Add(*stack);
  if (const auto* reading = std::get_if<ClockRecord>(&record)) readings_.push_back(*reading);
  Segment segment;
  segment.stream = stream;
  others_.OnDefinition(segment, record);
}

void LiveDefinitions::Add(const StackRecord& record) {
  if (record.count == 0) return;
  const Definition definition = {record.parent, record.epoch, record.flags, pcs_.size(),
                                 record.count};
  if (!stacks_.try_emplace(record.first_id, definition).second) return;
  pcs_.insert(pcs_.end(), record.pcs, record.pcs + record.count);
}

LiveDefinitions::Definitions::const_iterator LiveDefinitions::Find(uint64_t stack) const {
  const auto after = stacks_.upper_bound(stack);
  if (after == stacks_.begin()) return stacks_.end();
  const auto found = std::prev(after);
  return stack - found->first < found->second.count ? found : stacks_.end();
}

Process LiveDefinitions::MakeProcess(std::span<const uint64_t> stacks, ProcessFacts facts,
                                     const ClockMap& clock) const {
  ProcessBuilder builder = others_;
  std::set<uint64_t> added;
  for (uint64_t stack : stacks) {
    // Outwards: each definition goes on from its parent's.
    for (auto found = Find(stack); found != stacks_.end() && added.insert(found->first).second;
         found = Find(found->second.parent)) {
      const Definition& definition = found->second;
      builder.OnDefinition(
          Segment(), StackRecord{found->first, definition.parent, definition.epoch,
                                 definition.flags, definition.count, &pcs_[definition.first_pc]});
    }
  }
  return builder.Build(std::move(facts), clock);
}

}  // namespace perfagent

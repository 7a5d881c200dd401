#include "analyzer/live/live_heap.h"

#include <algorithm>

#include "perfagent/sampling.h"

namespace perfagent {

void LiveHeap::Begin(TimeKey key, const Beginning& beginning) {
  const LiveBlock& block = beginning.block;
  HeapActivity& activity = activity_[block.site];
  const Weight weight = Weight::OfBlock(block.size, beginning.interval_bytes);
  activity.calls.Add(1, weight);
  activity.bytes.Add(static_cast<double>(block.size), weight);

  Entry& entry = table_[block.address];
  if (key <= entry.begin) return;  // a later block is known there
  if (entry.is_live) Leave(&entry);
  entry.begin = key;
  entry.size = block.size;
  entry.interval_bytes = beginning.interval_bytes;
  entry.site = block.site;
  entry.limit = static_cast<uint16_t>(beginning.limit);
  if (key <= entry.end) return;
  Enter(&entry);
  if (key <= thinned_at_) ThinOne(&entry);
}

void LiveHeap::CountTemporary(TimeKey key, uint64_t address, const Beginning& begun) {
  const auto found = table_.find(address);
  if (found != table_.end() && found->second.begin != 0 && found->second.begin <= key) {
    activity_[found->second.site].temporary.Add(1, found->second.WeightNow());
  } else if (begun.block.address == address) {
    // Another thread's later block there was heard of before.
    const LiveBlock& block = begun.block;
    const Weight weight = Weight::OfBlock(block.size, begun.interval_bytes);
    activity_[block.site].temporary.Add(1, weight);
  }
}

void LiveHeap::End(TimeKey key, uint64_t address) {
  Entry& entry = table_[address];
  entry.end = std::max(entry.end, key);
  if (entry.is_live && entry.begin <= entry.end) Leave(&entry);
}

void LiveHeap::Enter(Entry* entry) {
  const Weight weight = entry->WeightNow();
  const auto size = static_cast<double>(entry->size);
  entry->is_live = true;
  ++live_count_;
  live_bytes_.Add(size, weight);
  live_blocks_.Add(1, weight);
  activity_[entry->site].growth_bytes += size * weight.factor;
}

void LiveHeap::Leave(Entry* entry) {
  const Weight weight = entry->WeightNow();
  const auto size = static_cast<double>(entry->size);
  entry->is_live = false;
  --live_count_;
  live_bytes_.Remove(size, weight);
  live_blocks_.Remove(1, weight);
  activity_[entry->site].growth_bytes -= size * weight.factor;
}

void LiveHeap::Thin(TimeKey key, uint64_t interval_bytes) {
  thinned_at_ = key;
  thinned_to_bytes_ = sampling::GridFloor(interval_bytes);
  for (auto& [address, entry] : table_) {
    if (entry.is_live && entry.begin <= key) ThinOne(&entry);
  }
}

void LiveHeap::ThinOne(Entry* entry) {
  if (entry->interval_bytes >= thinned_to_bytes_) return;
  Leave(entry);
  entry->interval_bytes = thinned_to_bytes_;
  if (sampling::StaysTracked(entry->limit, thinned_to_bytes_)) Enter(entry);
}

void LiveHeap::ForgetEndsBefore(TimeKey key) {
  absl::erase_if(table_, [key](const auto& item) {
    const Entry& entry = item.second;
    return !entry.is_live && std::max(entry.begin, entry.end) < key;
  });
}

absl::flat_hash_map<uint64_t, LiveBlock> LiveHeap::BlocksAround(
    std::vector<uint64_t> addresses) const {
  std::sort(addresses.begin(), addresses.end());
  absl::flat_hash_map<uint64_t, LiveBlock> blocks;
  if (addresses.empty()) return blocks;
  for (const auto& [begin, entry] : table_) {
    if (!entry.is_live) continue;
    for (auto at = std::lower_bound(addresses.begin(), addresses.end(), begin);
         at != addresses.end() && *at - begin < entry.size; ++at) {
      blocks[*at] = {begin, entry.size, entry.site};
    }
  }
  return blocks;
}

}  // namespace perfagent

#include "analyzer/replay/thread_turns.h"

namespace perfagent {

ThreadTurns::ThreadTurns(const SegmentIndex& index, const Process& process)
    : names_(index.streams.size()) {
  const NameId nameless = IdOf("");
  absl::flat_hash_map<uint32_t, size_t> stream_of;  // by number in the dump
  for (size_t i = 0; i < index.streams.size(); ++i) stream_of[index.streams[i].number] = i;
  std::vector<uint64_t> tids(index.streams.size());
  for (std::vector<NameId>& turns : names_) turns = {nameless};
  for (const Thread& thread : process.threads()) {
    const auto found = stream_of.find(thread.stream);
    if (found == stream_of.end()) continue;
    std::vector<NameId>& turns = names_[found->second];
    if (tids[found->second] != thread.tid) turns.push_back(nameless);
    tids[found->second] = thread.tid;
    turns.back() = IdOf(thread.name);
  }
}

NameId ThreadTurns::NameOf(StreamId stream, uint64_t turn) const {
  const std::vector<NameId>& turns = names_[stream.value()];
  return turn < turns.size() ? turns[turn] : turns[0];
}

NameId ThreadTurns::IdOf(const std::string& text) {
  const auto [found, is_new] = ids_.try_emplace(text, NameId(texts_.size()));
  if (is_new) texts_.push_back(text);
  return found->second;
}

}  // namespace perfagent

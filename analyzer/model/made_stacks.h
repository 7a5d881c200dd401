// made_stacks.h: stacks that no dump defines: of what is shown of several stacks that are one to the reader.
//
// Two are one when their frames are equal, function, file, line and module, and the way they end.
//
// Threads: one thread at a time.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "absl/container/node_hash_set.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

class MadeStacks {
 public:
  using FramePointers = std::vector<const SourceFrame*>;

  // The stack's number, from 0 on; leaf first. The frames are copied.
  size_t Add(std::span<const SourceFrame* const> frames, bool is_truncated);

  size_t size() const { return stacks_.size(); }
  const FramePointers& Frames(size_t number) const { return stacks_[number]->first.first; }
  bool IsTruncated(size_t number) const { return stacks_[number]->first.second; }

 private:
  using Stack = std::pair<FramePointers, bool>;

  absl::node_hash_set<SourceFrame> frames_;
  absl::node_hash_map<Stack, size_t> number_of_;
  std::vector<const std::pair<const Stack, size_t>*> stacks_;
};

}  // namespace perfagent

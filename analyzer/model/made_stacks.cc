#include "analyzer/model/made_stacks.h"

namespace perfagent {

size_t MadeStacks::Add(std::span<const SourceFrame* const> frames, bool is_truncated) {
  Stack stack;
  stack.second = is_truncated;
  stack.first.reserve(frames.size());
  for (const SourceFrame* frame : frames) stack.first.push_back(&*frames_.insert(*frame).first);
  const auto [found, is_new] = number_of_.try_emplace(std::move(stack), stacks_.size());
  if (is_new) stacks_.push_back(&*found);
  return found->second;
}

}  // namespace perfagent

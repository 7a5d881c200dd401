#include "analyzer/model/stack_trie.h"

#include <algorithm>

namespace perfagent {
namespace {

// Ids above this are kept in a map, so that one hostile id cannot ask for gigabytes.
uint64_t SmallIdLimit(size_t pcs) { return uint64_t{pcs} * 2 + 1024; }

}  // namespace

StackTrie::StackTrie(std::vector<StackDefinition> definitions, std::span<const uint64_t> pcs,
                     uint64_t max_frames,
                     absl::FunctionRef<Frame(uint64_t pc, uint64_t epoch)> frame_at)
    : max_frames_(max_frames), by_small_id_(SmallIdLimit(pcs.size())) {
  nodes_.reserve(pcs.size() + 2);
  nodes_.push_back({kWholeRoot, 0, false, {}});
  nodes_.push_back({kTruncatedRoot, 0, true, {}});
  by_small_id_[0] = Known(kWholeRoot);
  // A parent's id is less than its children's, whichever stream defines them.
  std::stable_sort(
      definitions.begin(), definitions.end(),
      [](const StackDefinition& a, const StackDefinition& b) { return a.first_id < b.first_id; });
  Children children(pcs.size(), ChildHash{&nodes_}, ChildEqual{&nodes_});
  for (const StackDefinition& definition : definitions) {
    uint32_t node = RootOf(definition);
    for (uint32_t i = 0; i < definition.count; ++i) {
      node = Intern(node, frame_at(pcs[definition.first_pc + i], definition.epoch), &children);
      Define(definition.first_id + i, node);
    }
  }
  JoinDeepStacks(definitions);
}

uint32_t StackTrie::RootOf(const StackDefinition& definition) const {
  if (definition.parent == 0) return definition.is_truncated ? kTruncatedRoot : kWholeRoot;
  const uint32_t parent = FindNode(definition.parent);
  return parent != KnownStack::kUndefined ? parent : kTruncatedRoot;
}

uint32_t StackTrie::Intern(uint32_t parent, const Frame& frame, Children* children) {
  if (const auto known = children->find(Child{parent, frame}); known != children->end())
    return *known;
  const Node& outer = nodes_[parent];
  nodes_.push_back({parent, uint32_t{outer.depth} + 1, outer.is_truncated, frame});
  const auto node = static_cast<uint32_t>(nodes_.size() - 1);
  children->insert(node);
  return node;
}

KnownStack StackTrie::Known(uint32_t node) const {
  const Node& of = nodes_[node];
  const bool is_cut = of.depth > max_frames_;
  return {node, is_cut ? static_cast<uint32_t>(max_frames_) : uint32_t{of.depth},
          of.is_truncated || is_cut};
}

// The first definition of an id stands.
void StackTrie::Define(uint64_t dump_id, uint32_t node) {
  if (dump_id >= by_small_id_.size()) {
    by_large_id_.try_emplace(dump_id, Known(node));
  } else if (!by_small_id_[dump_id].IsDefined()) {
    by_small_id_[dump_id] = Known(node);
  }
}

// Those that a record was written for: what lies between is nearly always a caller only.
void StackTrie::JoinDeepStacks(const std::vector<StackDefinition>& definitions) {
  // Two hashes of the frames stand for them: 128 bits, where the frames would fill gigabytes.
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint32_t> known;
  absl::flat_hash_map<uint32_t, uint32_t> joined;
  for (const StackDefinition& definition : definitions) {
    if (definition.count == 0) continue;
    const uint32_t leaf = FindNode(definition.first_id + definition.count - 1);
    if (leaf == KnownStack::kUndefined || nodes_[leaf].depth <= max_frames_) continue;
    std::pair<uint64_t, uint64_t> key;
    uint32_t at = leaf;
    for (uint64_t i = 0; i < max_frames_; ++i, at = nodes_[at].parent) {
      const uint64_t hash = absl::HashOf(nodes_[at].frame);
      key.first = (key.first ^ hash) * 0x9e3779b97f4a7c15;
      key.first ^= key.first >> 32;
      key.second = (key.second + hash) * 0xff51afd7ed558ccd;
      key.second ^= key.second >> 29;
    }
    const auto found = known.try_emplace(key, leaf).first;
    if (found->second != leaf) joined.emplace(leaf, found->second);
  }
  const auto join = [&](KnownStack* stack) {
    if (const auto found = joined.find(stack->id); found != joined.end()) stack->id = found->second;
  };
  if (joined.empty()) return;
  for (KnownStack& stack : by_small_id_) join(&stack);
  for (auto& [id, stack] : by_large_id_) join(&stack);
}

const KnownStack& StackTrie::LookLarge(uint64_t dump_id) const {
  static constexpr KnownStack kNone = {};
  const auto found = by_large_id_.find(dump_id);
  return found == by_large_id_.end() ? kNone : found->second;
}

std::vector<bool> StackTrie::With(absl::FunctionRef<bool(const Frame&)> matches) const {
  // Callers come before what they call.
  std::vector<bool> with(nodes_.size());
  for (size_t i = kTruncatedRoot + 1; i < nodes_.size(); ++i)
    with[i] = with[nodes_[i].parent] || matches(nodes_[i].frame);
  // Of deep ones the outermost frames are not theirs.
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].depth <= max_frames_ || !with[i]) continue;
    const std::vector<Frame> frames = Frames(StackId(i));
    with[i] = std::any_of(frames.begin(), frames.end(), matches);
  }
  return with;
}

std::vector<Frame> StackTrie::Frames(StackId stack) const {
  std::vector<Frame> frames;
  const Node* node = &nodes_[stack.value()];
  const uint64_t count = std::min<uint64_t>(node->depth, max_frames_);
  frames.reserve(count);
  for (uint64_t i = 0; i < count; ++i, node = &nodes_[node->parent]) frames.push_back(node->frame);
  return frames;
}

}  // namespace perfagent

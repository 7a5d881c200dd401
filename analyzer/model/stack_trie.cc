#include "analyzer/model/stack_trie.h"

#include <algorithm>
#include <bit>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace perfagent {
namespace {

// Ids from here on are kept in a map, so that one hostile id cannot ask for gigabytes.
uint64_t SmallIdLimit(const std::vector<StackDefinition>& definitions, size_t pcs) {
  uint64_t ids = 1;  // 0 is always defined
  for (const StackDefinition& definition : definitions) {
    uint64_t end = 0;
    if (!__builtin_add_overflow(definition.first_id, definition.count, &end))
      ids = std::max(ids, end);
  }
  return std::min(ids, uint64_t{pcs} * 2 + 1024);
}

using FrameAt = absl::FunctionRef<Frame(uint64_t pc, uint64_t epoch)>;

// Equal frames have one number. Those looked up last are found without asking for their module; a hostile dump cannot make
// the table of these grow.
class FrameNumbers {
 public:
  FrameNumbers(size_t pcs, FrameAt frame_at, std::vector<Frame>* frames)
      : last_(std::bit_ceil(std::clamp<size_t>(pcs, 1, kMostKept))),
        frame_at_(frame_at),
        frames_(*frames) {}

  uint32_t Of(uint64_t pc, uint64_t epoch) {
    Entry& entry = last_[absl::HashOf(pc, epoch) & (last_.size() - 1)];
    if (entry.number == kNone || entry.pc != pc || entry.epoch != epoch)
      entry = {pc, epoch, NumberOf(frame_at_(pc, epoch))};
    return entry.number;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kMostKept = 1 << 14;
  struct Entry {
    uint64_t pc = 0;
    uint64_t epoch = 0;
    uint32_t number = kNone;
  };

  // The set holds numbers, and is asked for frames: a hostile dump may have a different one in each byte.
  struct Hash {
    using is_transparent = void;
    const std::vector<Frame>* frames;
    size_t operator()(const Frame& frame) const { return absl::HashOf(frame); }
    size_t operator()(uint32_t number) const { return (*this)((*frames)[number]); }
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<Frame>* frames;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t number, const Frame& frame) const {
      return (*frames)[number] == frame;
    }
  };

  uint32_t NumberOf(const Frame& frame) {
    if (const auto known = numbers_.find(frame); known != numbers_.end()) return *known;
    frames_.push_back(frame);
    const auto number = static_cast<uint32_t>(frames_.size() - 1);
    numbers_.insert(number);
    return number;
  }

  std::vector<Entry> last_;
  FrameAt frame_at_;
  std::vector<Frame>& frames_;
  absl::flat_hash_set<uint32_t, Hash, Equal> numbers_{0, Hash{&frames_}, Equal{&frames_}};
};

// Enough for memory to be busy; all that is fetched of so many stays in the first-level cache.
constexpr size_t kDefinitionsAtOnce = 16;

bool IdIsLess(const StackDefinition& a, const StackDefinition& b) {
  return a.first_id < b.first_id;
}

}  // namespace

StackTrie::StackTrie(std::vector<StackDefinition> definitions, std::span<const uint64_t> pcs,
                     uint64_t max_frames, FrameAt frame_at)
    : max_frames_(max_frames), by_small_id_(SmallIdLimit(definitions, pcs.size())) {
  nodes_.reserve(pcs.size() + 2);
  nodes_.push_back({kWholeRoot, 0, false, 0});
  nodes_.push_back({kTruncatedRoot, 0, true, 0});
  by_small_id_[0] = Known(kWholeRoot);
  // A parent's id is less than its children's, whichever stream defines them. A single stream defines them in order.
  if (!std::is_sorted(definitions.begin(), definitions.end(), IdIsLess))
    std::stable_sort(definitions.begin(), definitions.end(), IdIsLess);
  // As many as a hostile dump may have. What is not used is not touched, and growing would need twice as much for a moment.
  frames_.reserve(pcs.size());
  FrameNumbers numbers(pcs.size(), frame_at, &frames_);
  Children children(pcs.size(), NodeHash{&nodes_}, NodeEqual{&nodes_});
  std::vector<uint32_t> frames;  // of a few definitions
  for (std::span<const StackDefinition> left = definitions; !left.empty();) {
    const auto some = left.first(std::min(left.size(), kDefinitionsAtOnce));
    left = left.subspan(some.size());
    frames.clear();
    for (const StackDefinition& definition : some) {
      for (uint32_t i = 0; i < definition.count; ++i)
        frames.push_back(numbers.Of(pcs[definition.first_pc + i], definition.epoch));
    }
    Prefetch(some, frames, children);
    Define(some, frames, &children);
  }
  JoinDeepStacks(definitions);
}

// A node is looked for by its parent, and each look costs some cache misses: one after the other where each waits for the
// one before. But nearly all that is defined is new, so numbers of nodes can be foretold, and a wrong one costs time only.
void StackTrie::Prefetch(std::span<const StackDefinition> definitions,
                         std::span<const uint32_t> frames, const Children& children) const {
  const uint64_t first_id = definitions.front().first_id;
  auto next = static_cast<uint32_t>(nodes_.size());
  size_t at = 0;
  for (const StackDefinition& definition : definitions) {
    const bool is_parent_known = definition.parent < first_id;
    uint32_t parent = is_parent_known
                          ? RootOf(definition)
                          : static_cast<uint32_t>(nodes_.size() + definition.parent - first_id);
    for (uint32_t i = 0; i < definition.count; ++i) {
      children.prefetch(KeyOf(parent, frames[at++]));
      parent = next++;
    }
  }
}

void StackTrie::Define(std::span<const StackDefinition> definitions,
                       std::span<const uint32_t> frames, Children* children) {
  size_t at = 0;
  for (const StackDefinition& definition : definitions) {
    uint32_t node = RootOf(definition);
    for (uint32_t i = 0; i < definition.count; ++i) {
      node = Intern(node, frames[at++], children);
      Define(definition.first_id + i, node);
    }
  }
}

uint32_t StackTrie::RootOf(const StackDefinition& definition) const {
  if (definition.parent == 0) return definition.is_truncated ? kTruncatedRoot : kWholeRoot;
  const uint32_t parent = FindNode(definition.parent);
  return parent != KnownStack::kUndefined ? parent : kTruncatedRoot;
}

uint32_t StackTrie::Intern(uint32_t parent, uint32_t frame, Children* children) {
  return *children->lazy_emplace(KeyOf(parent, frame), [&](const auto& make) {
    const Node outer = nodes_[parent];
    nodes_.push_back({parent, uint32_t{outer.depth} + 1, outer.is_truncated, frame});
    make(static_cast<uint32_t>(nodes_.size() - 1));
  });
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

template <typename Visit>
void StackTrie::ForEachFrame(StackId stack, Visit visit) const {
  const Node* node = &nodes_[stack.value()];
  const uint64_t count = std::min<uint64_t>(node->depth, max_frames_);
  for (uint64_t i = 0; i < count; ++i, node = &nodes_[node->parent]) visit(node->frame);
}

std::vector<bool> StackTrie::With(absl::FunctionRef<bool(const Frame&)> matches) const {
  std::vector<bool> matching(frames_.size());
  for (size_t i = 0; i < frames_.size(); ++i) matching[i] = matches(frames_[i]);
  // Callers come before what they call.
  std::vector<bool> with(nodes_.size());
  for (size_t i = kTruncatedRoot + 1; i < nodes_.size(); ++i)
    with[i] = with[nodes_[i].parent] || matching[nodes_[i].frame];
  // Of deep ones the outermost frames are not theirs.
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].depth <= max_frames_ || !with[i]) continue;
    with[i] = false;
    ForEachFrame(StackId(i), [&](uint32_t frame) { with[i] = with[i] || matching[frame]; });
  }
  return with;
}

std::vector<Frame> StackTrie::Frames(StackId stack) const {
  std::vector<Frame> frames;
  frames.reserve(std::min<uint64_t>(nodes_[stack.value()].depth, max_frames_));
  ForEachFrame(stack, [&](uint32_t frame) { frames.push_back(frames_[frame]); });
  return frames;
}

}  // namespace perfagent

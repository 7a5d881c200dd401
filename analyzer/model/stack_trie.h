// stack_trie.h: the stacks of a dump, each its caller's stack and one frame more.
//
// Stacks are interned by content: the agent may define one list of frames under several ids, and the same code in a
// module that was unloaded and loaded again at its old place is the same code. Two stacks are one when their frames and
// the way they end are equal. A stack deeper than the recording's DEPTH is known by its innermost frames: it ends there.
//
// Threads: built by one thread, then only read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "analyzer/model/ids.h"

namespace perfagent {

// A frame's code: an address in the process as recorded (a return address), and its module.
struct Frame {
  uint64_t pc = 0;
  std::optional<ModuleId> module;
  friend bool operator==(const Frame&, const Frame&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const Frame& frame) {
    return H::combine(std::move(hash), frame.pc, frame.module ? frame.module->value() + 1 : 0);
  }
};

// What one kStack record defines; its pcs are kept elsewhere.
struct StackDefinition {
  uint64_t first_id;
  uint64_t parent;
  uint64_t epoch;
  uint64_t first_pc;  // index of the outermost
  uint32_t count;
  bool is_truncated;
};

// What an id in the dump stands for.
struct KnownStack {
  static constexpr uint32_t kUndefined = UINT32_MAX;

  uint32_t id = kUndefined;
  uint32_t frames : 31 = 0;
  uint32_t is_truncated : 1 = 0;

  bool IsDefined() const { return id != kUndefined; }
  StackId stack() const { return IsDefined() ? StackId(id) : kNoStack; }
};

class StackTrie {
 public:
  StackTrie() = default;
  // `frame_at` finds a pc's module in an epoch; it is asked again only for what was not looked up lately. A stack whose
  // parent is not defined (its segment is lost) is truncated there.
  StackTrie(std::vector<StackDefinition> definitions, std::span<const uint64_t> pcs,
            uint64_t max_frames, absl::FunctionRef<Frame(uint64_t pc, uint64_t epoch)> frame_at);

  // One more than the greatest StackId.
  size_t size() const { return nodes_.size(); }
  // The stack of an id in the dump; nullopt when the dump does not define it.
  const KnownStack& Look(uint64_t dump_id) const {
    return dump_id < by_small_id_.size() ? by_small_id_[dump_id] : LookLarge(dump_id);
  }
  std::optional<StackId> Find(uint64_t dump_id) const {
    const KnownStack& known = Look(dump_id);
    return known.IsDefined() ? std::optional(known.stack()) : std::nullopt;
  }
  // Leaf first. Empty for kNoStack.
  std::vector<Frame> Frames(StackId stack) const;
  // By StackId: those with a frame for which `matches` is true.
  std::vector<bool> With(absl::FunctionRef<bool(const Frame&)> matches) const;
  // All frames that stacks have, each once.
  std::span<const Frame> frames() const { return frames_; }
  bool IsTruncated(StackId stack) const {
    const Node& node = nodes_[stack.value()];
    return node.is_truncated || node.depth > max_frames_;
  }

 private:
  struct Node {
    uint32_t parent;
    uint32_t depth : 31;  // frames from the outermost to this one
    uint32_t is_truncated : 1;
    uint32_t frame;  // of frames_
  };
  // The two that have no frames: of whole stacks (kNoStack, too), and of truncated ones.
  static constexpr uint32_t kWholeRoot = 0, kTruncatedRoot = 1;
  // A node by its parent and frame, which are one word: the set holds nodes, and is asked for what is not one yet.
  static uint64_t KeyOf(uint32_t parent, uint32_t frame) { return uint64_t{parent} << 32 | frame; }
  static uint64_t KeyOf(const Node& node) { return KeyOf(node.parent, node.frame); }
  struct NodeHash {
    using is_transparent = void;
    const std::vector<Node>* nodes;
    size_t operator()(uint64_t key) const { return absl::HashOf(key); }
    size_t operator()(uint32_t node) const { return (*this)(KeyOf((*nodes)[node])); }
  };
  struct NodeEqual {
    using is_transparent = void;
    const std::vector<Node>* nodes;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t node, uint64_t key) const { return KeyOf((*nodes)[node]) == key; }
  };
  using Children = absl::flat_hash_set<uint32_t, NodeHash, NodeEqual>;

  // Calls `visit` with the number of each frame, leaf first.
  template <typename Visit>
  void ForEachFrame(StackId stack, Visit visit) const;
  // `frames` has the numbers of all their frames.
  void Prefetch(std::span<const StackDefinition> definitions, std::span<const uint32_t> frames,
                const Children& children) const;
  void Define(std::span<const StackDefinition> definitions, std::span<const uint32_t> frames,
              Children* children);
  uint32_t Intern(uint32_t parent, uint32_t frame, Children* children);
  uint32_t RootOf(const StackDefinition& definition) const;
  void Define(uint64_t dump_id, uint32_t node);
  void JoinDeepStacks(const std::vector<StackDefinition>& definitions);
  uint32_t FindNode(uint64_t dump_id) const { return Look(dump_id).id; }
  const KnownStack& LookLarge(uint64_t dump_id) const;
  KnownStack Known(uint32_t node) const;

  uint64_t max_frames_ = 0;
  std::vector<Node> nodes_;
  std::vector<Frame> frames_;  // a program has few: nodes name them by number
  // Dump ids are handed out from 1 on, so most are indices here; hostile ones are in the map. Ids are nodes until deep stacks
  // are joined: then those of the first one with the same innermost frames.
  std::vector<KnownStack> by_small_id_;
  absl::flat_hash_map<uint64_t, KnownStack> by_large_id_;
};

}  // namespace perfagent

#include "analyzer/views/call_tree.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "absl/container/flat_hash_map.h"

namespace perfagent {
namespace {

// Deeper ones are the recursion's; who prints a tree walks it recursively.
constexpr size_t kMostDeep = 256;

// Children are found by name while the tree grows.
class Grower {
 public:
  Grower() : nodes_(1) {}

  void Add(const std::vector<const SourceFrame*>& path, const TreeCosts& costs) {
    size_t at = 0;
    nodes_[0].costs.Merge(costs);
    for (size_t depth = 0; depth < std::min(path.size(), kMostDeep); ++depth) {
      at = Child(at, path[depth]);
      nodes_[at].costs.Merge(costs);
    }
  }

  TreeNode Finish() { return Take(0); }

 private:
  struct Node {
    const SourceFrame* frame = nullptr;
    TreeCosts costs = {};
    std::vector<size_t> children = {};
  };

  size_t Child(size_t parent, const SourceFrame* frame) {
    const auto [found, is_new] =
        child_at_.try_emplace({parent, frame->function, frame->module}, nodes_.size());
    if (is_new) {
      nodes_[parent].children.push_back(nodes_.size());
      nodes_.push_back({.frame = frame});
    }
    return found->second;
  }

  TreeNode Take(size_t at) {
    TreeNode node{.frame = nodes_[at].frame, .costs = nodes_[at].costs};
    for (const size_t child : nodes_[at].children) node.children.push_back(Take(child));
    std::stable_sort(node.children.begin(), node.children.end(),
                     [](const TreeNode& a, const TreeNode& b) {
                       return a.costs.bytes.value() > b.costs.bytes.value();
                     });
    return node;
  }

  std::vector<Node> nodes_;
  absl::flat_hash_map<std::tuple<size_t, std::string, std::string>, size_t> child_at_;
};

// From the root on.
std::vector<const SourceFrame*> PathOf(TreeOf kind, StackId stack, StackNames* names) {
  std::vector<const SourceFrame*> frames = names->Frames(stack);
  // What is between the place and the allocator is the same for many places.
  frames.erase(frames.begin(), std::find(frames.begin(), frames.end(), names->Headline(stack)));
  if (kind == TreeOf::kCallees) std::reverse(frames.begin(), frames.end());
  return frames;
}

}  // namespace

TreeNode CallTree(TreeOf kind, const NamedProfile& named) {
  Grower grower;
  for (const HeapSite& site : named.profile.heap.sites) {
    grower.Add(PathOf(kind, site.stack, &named.names),
               {site.metrics.allocations, site.metrics.bytes, site.metrics.leaked_bytes});
  }
  return grower.Finish();
}

}  // namespace perfagent

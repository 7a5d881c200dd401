// call_tree.h: the sites' stacks as one tree.
//
// Of callees the roots are where threads begin, and each child is what its parent calls. Of callers the roots are the
// places (StackNames::Headline), and each child is who calls its parent. A node has what is allocated below it.
//
// Threads: one thread at a time.
#pragma once

#include <vector>

#include "analyzer/report/report_input.h"

namespace perfagent {

struct TreeCosts {
  Tally allocations = {};
  Tally bytes = {};
  Tally leaked_bytes = {};

  void Merge(const TreeCosts& other) {
    allocations.Merge(other.allocations);
    bytes.Merge(other.bytes);
    leaked_bytes.Merge(other.leaked_bytes);
  }
};

struct TreeNode {
  const SourceFrame* frame = nullptr;  // null: of the root of all
  TreeCosts costs = {};
  std::vector<TreeNode> children = {};  // by bytes, most first
};

// Lines of a function are one node. Recursion is as deep in the tree as on the stack.
TreeNode CallTree(TreeOf kind, const NamedProfile& named);

}  // namespace perfagent

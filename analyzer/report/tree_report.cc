#include "analyzer/report/tree_report.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/report/format.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"
#include "analyzer/views/call_tree.h"

namespace perfagent {
namespace {

constexpr double kThreshold = 0.005;

bool IsAtLeast(const Tally& part, const Tally& whole) {
  return part.value() > 0 && part.value() >= kThreshold * whole.value();
}

class TreeWriter : private LineWriter {
 public:
  TreeWriter(const TreeNode& root, Output* output) : LineWriter(output, 0), all_(root.costs) {}

  void Write(TreeOf kind, const TreeNode& root) {
    Line();
    Line(kind == TreeOf::kCallers
             ? "CALLERS: who calls the places that allocate"
             : "CALLEES: from where threads begin to the places that allocate");
    Line(absl::StrFormat("  %7s %10s %12s %10s", "", "bytes", "calls", "leaked"));
    WriteRow(root.costs, "all", 0);
    WriteChildren(root, 1);
  }

 private:
  bool IsShown(const TreeNode& node) const {
    return IsAtLeast(node.costs.bytes, all_.bytes) ||
           IsAtLeast(node.costs.allocations, all_.allocations) ||
           IsAtLeast(node.costs.leaked_bytes, all_.leaked_bytes);
  }

  void WriteChildren(const TreeNode& node, size_t depth) {
    TreeCosts pruned;
    size_t count = 0;
    for (const TreeNode& child : node.children) {
      if (!IsShown(child)) {
        pruned.Merge(child.costs);
        ++count;
        continue;
      }
      WriteRow(child.costs, Name(*child.frame), depth);
      WriteChildren(child, depth + 1);
    }
    if (count == 0) return;
    WriteRow(pruned,
             absl::StrCat("(", count, " below ", FormatShare(kThreshold, 1), ", total ",
                          FormatBytes(pruned.bytes.value()), ")"),
             depth);
  }

  // A node is of the function, not of one of its lines.
  static std::string Name(const SourceFrame& frame) { return EscapeForTerminal(frame.function); }

  void WriteRow(const TreeCosts& costs, const std::string& name, size_t depth) {
    Line(absl::StrFormat("  %7s %10s %12s %10s  ",
                         FormatShare(costs.bytes.value(), all_.bytes.value()),
                         FormatBytes(costs.bytes.value()), FormatCount(costs.allocations.value()),
                         FormatBytes(costs.leaked_bytes.value())),
         std::string(depth * 2, ' '), name);
  }

  const TreeCosts& all_;
};

void WriteNode(const TreeNode& node, JsonWriter* json) {
  json->BeginObject();
  json->Key("function").String(node.frame == nullptr ? "" : node.frame->function);
  json->Key("module").String(node.frame == nullptr ? "" : node.frame->module);
  WriteTally(json, "bytes", node.costs.bytes);
  WriteTally(json, "allocations", node.costs.allocations);
  WriteTally(json, "leaked_bytes", node.costs.leaked_bytes);
  json->Key("children").BeginArray();
  for (const TreeNode& child : node.children) WriteNode(child, json);
  json->EndArray();
  json->EndObject();
}

}  // namespace

void WriteTreeText(TreeOf kind, const NamedProfile& named, Output* output) {
  const TreeNode root = CallTree(kind, named);
  TreeWriter(root, output).Write(kind, root);
}

void WriteTreeJson(TreeOf kind, const NamedProfile& named, JsonWriter* json) {
  json->BeginObject();
  json->Key("of").String(kind == TreeOf::kCallers ? "callers" : "callees");
  json->Key("root");
  WriteNode(CallTree(kind, named), json);
  json->EndObject();
}

}  // namespace perfagent

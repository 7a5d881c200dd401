// Folded stacks: "root;...;leaf VALUE", as flamegraph.pl and speedscope read them, and difffolded.pl compares them. One
// metric in a file. Stacks of the same functions are one line.
#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/locations.h"
#include "analyzer/export/stack_costs.h"

namespace perfagent {
namespace {

constexpr char kNoFrames[] = "[no stack]";

// A name has no separator of the format in it.
void AppendName(const std::string& name, std::string* line) {
  if (!line->empty()) *line += ';';
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    *line += c == ';' ? ':' : byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
}

}  // namespace

ExportNotes WriteFolded(const ExportInput& input, Output* output) {
  const StackCosts costs = CostsOf(input.named, input.metrics);
  Locations locations(&input.named.names);
  std::map<std::string, uint64_t> lines;
  for (const StackRow& row : costs.rows) {
    std::string line;
    for (const SourceFrame* frame : RootFirst(locations, locations.Of(row.stack)))
      AppendName(frame->function, &line);
    if (line.empty()) line = kNoFrames;
    lines[line] += row.values.front();
  }
  for (const auto& [stack, value] : lines) output->Write(absl::StrCat(stack, " ", value, "\n"));
  return {};
}

}  // namespace perfagent

#include "analyzer/commands/diff.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/commands/sides.h"
#include "analyzer/compare/comparison.h"
#include "analyzer/report/html_report.h"
#include "analyzer/report/json_diff.h"
#include "analyzer/report/text_diff.h"

namespace perfagent {
namespace {

// BASE NEW, or BASE... --to NEW...
bool TellSidesApart(DiffOptions* options) {
  if (!options->now.empty()) return true;
  if (options->base.size() != 2) {
    PrintError(absl::StrCat("diff: expected BASE NEW, got ", options->base.size(),
                            options->base.size() == 1 ? " input" : " inputs",
                            "; for several a side: diff BASE... --to NEW..."));
    return false;
  }
  options->now = {options->base[1]};
  options->base.pop_back();
  return true;
}

}  // namespace

ExitCode RunDiff(const DiffOptions& given) {
  DiffOptions options = given;
  if (!TellSidesApart(&options)) return ExitCode::kUsage;
  const Inputs base_inputs = ExpandInputs(options.base), now_inputs = ExpandInputs(options.now);
  if (WouldOverwrite("-o", options.output, base_inputs.dumps) ||
      WouldOverwrite("-o", options.output, now_inputs.dumps)) {
    return ExitCode::kUsage;
  }
  SideLoader loader(options.threads, options.symbols);
  Side base, now;
  const ExitCode inputs = WorseOf(loader.Load(base_inputs, &base), loader.Load(now_inputs, &now));
  if (inputs == ExitCode::kUnusable) return inputs;
  const Comparison comparison = CompareSides(std::move(base), std::move(now));
  if (options.format == ReportFormat::kText) {
    return WriteText(options.output, options.color, inputs,
                     [&](Output* output) { WriteTextDiff(comparison, options.limit, output); });
  }
  const auto write = options.format == ReportFormat::kJson ? WriteJsonDiff : WriteHtmlDiff;
  return WriteResult(options.output, inputs,
                     [&](Output* output) { write(comparison, options.limit, output); });
}

}  // namespace perfagent

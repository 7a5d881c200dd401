#include "analyzer/commands/report.h"

#include <deque>

#include "analyzer/commands/inputs.h"
#include "analyzer/model/futex_locks.h"
#include "analyzer/model/suppressions.h"
#include "analyzer/report/json_report.h"
#include "analyzer/report/text_report.h"

namespace perfagent {
namespace {

Sections SectionsOf(const ReportOptions& options) {
  if (!options.churn && !options.leaks && !options.contention) return {};
  return {options.churn, options.leaks, options.contention};
}

// The profiles of all dumps that can be used, with their names. Elements stay where they are.
class Profiles {
 public:
  Profiles(size_t threads, const SymbolizerOptions& symbols)
      : threads_(threads), symbolizer_(symbols) {}

  void Load(const std::string& dump, ReportInput* input) {
    std::string error;
    std::optional<Profile> profile = LoadProfileWith(threads_, dump, &error);
    if (!profile) {
      input->unusable.push_back({dump, error});
      return;
    }
    WarnOfDamage(profile->dump);
    is_damaged_ = is_damaged_ || !profile->dump.damage.empty();
    Profile& kept = profiles_.emplace_back(*std::move(profile));
    StackNames& names = names_.emplace_back(kept.dump.process, &symbolizer_);
    if (input->sections.churn || input->sections.leaks) {
      Suppress(kept.dump.process, &names, &kept.heap);
    }
    if (input->sections.contention) FindFutexLocks(&names, &kept.locks);
    input->profiles.push_back({kept, names});
  }

  bool is_damaged() const { return is_damaged_; }
  const Symbolizer& symbolizer() const { return symbolizer_; }

 private:
  size_t threads_;
  Symbolizer symbolizer_;
  std::deque<Profile> profiles_;
  std::deque<StackNames> names_;
  bool is_damaged_ = false;
};

ExitCode Write(const ReportOptions& options, const ReportInput& input, ExitCode inputs) {
  return WriteResult(options.output, inputs, [&](Output* output) {
    if (options.format == ReportFormat::kJson) {
      WriteJsonReport(input, output);
    } else {
      WriteTextReport(input, output);
    }
  });
}

}  // namespace

ExitCode RunReport(const ReportOptions& options) {
  if (options.format == ReportFormat::kHtml) {
    PrintError("--format html is not there yet; text and json are");
    return ExitCode::kUsage;
  }
  WarnOfDebuginfod(options.symbols);
  const Inputs inputs = ExpandInputs(options.inputs);
  if (WouldOverwrite("-o", options.output, inputs.dumps)) return ExitCode::kUsage;

  ReportInput input;
  input.sections = SectionsOf(options);
  input.limit = options.limit;
  input.unusable = inputs.unusable;
  Profiles profiles(options.threads, options.symbols);
  input.symbolizer = &profiles.symbolizer();
  for (const std::string& dump : inputs.dumps) profiles.Load(dump, &input);
  for (const UnusableInput& unusable : input.unusable) PrintError(unusable.error);
  if (input.profiles.empty()) return ExitCode::kUnusable;
  const bool partial = profiles.is_damaged() || !input.unusable.empty();
  return Write(options, input, partial ? ExitCode::kPartial : ExitCode::kFine);
}

}  // namespace perfagent

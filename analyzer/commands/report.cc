#include "analyzer/commands/report.h"

#include <deque>

#include "analyzer/commands/inputs.h"
#include "analyzer/findings/all_findings.h"
#include "analyzer/model/futex_locks.h"
#include "analyzer/model/suppressions.h"
#include "analyzer/report/html_report.h"
#include "analyzer/report/json_report.h"
#include "analyzer/report/text_report.h"
#include "analyzer/views/findings_in_view.h"
#include "analyzer/views/pool.h"

namespace perfagent {
namespace {

Sections SectionsOf(const ReportOptions& options) {
  if (!options.churn && !options.leaks && !options.contention) return {};
  return {options.churn, options.leaks, options.contention};
}

NameStyle StyleOf(const View& view, const ReportOptions& options) {
  NameStyle style{.hides = {}, .shortens_templates = options.shortens_templates};
  if (view.hide()) {
    style.hides = [&hide = *view.hide()](const SourceFrame& frame) { return Matches(hide, frame); };
  }
  return style;
}

// The profiles of all dumps that can be used, with their names. Elements stay where they are.
class Profiles {
 public:
  // Both must outlive this.
  Profiles(const ReportOptions& options, const View& view)
      : options_(options), view_(view), symbolizer_(options.symbols) {
    symbolizer_.Start();
  }

  void Load(const std::string& dump, ReportInput* input) {
    std::string error;
    std::optional<ViewedDump> viewed =
        LoadDumpInView(options_.threads, dump, view_, &symbolizer_, &error);
    if (!viewed) {
      input->unusable.push_back({dump, error});
      return;
    }
    // Of those that are pooled only the last one stays.
    if (options_.merges) {
      findings_.clear();
      names_.clear();
      profiles_.clear();
    }
    Profile& kept =
        profiles_.emplace_back(ReplayWith(options_.threads, std::move(viewed->dump), EventView()));
    WarnOfDamage(kept.dump);
    is_damaged_ = is_damaged_ || !kept.dump.damage.empty();
    StackNames& names = names_.emplace_back(kept.dump.process, &symbolizer_);
    Prepare(input->sections, &names, &kept);
    Findings& findings =
        findings_.emplace_back(FindProblems({kept, names}, input->sections, input->memory_limit));
    if (!viewed->view.IsEverything()) {
      ReplayWith(options_.threads, std::move(viewed->view), &kept);
      Prepare(input->sections, &names, &kept);
      LeaveOutStacks(&kept);
      findings = FindingsInView(std::move(findings), kept);
    }
    // Stacks that differ in what is hidden alone are the same to see.
    if (view_.hide()) Group(Grouping::kStack, &names, &kept.heap);
    if (options_.group) Group(*options_.group, &names, &kept.heap);
    if (options_.merges) {
      pool_.Add({kept, names}, std::move(findings));
    } else {
      input->profiles.push_back({kept, names, &findings});
    }
  }

  // After the last one.
  void FinishPool(ReportInput* input) {
    if (profiles_.empty()) return;
    names_.clear();
    input->profiles.push_back(pool_.Finish(std::move(profiles_.back())));
    input->pool = &pool_;
  }

  bool is_damaged() const { return is_damaged_; }
  const Symbolizer& symbolizer() const { return symbolizer_; }

 private:
  // What names say about it: as they were found, whatever of them is shown.
  void Prepare(const Sections& sections, StackNames* names, Profile* profile) const {
    names->Show({});
    if (sections.churn || sections.leaks) Suppress(profile->dump.process, names, &profile->heap);
    if (sections.contention) FindFutexLocks(names, &profile->locks);
    names->Show(StyleOf(view_, options_));
  }

  const ReportOptions& options_;
  const View& view_;
  Symbolizer symbolizer_;
  std::deque<Profile> profiles_;
  std::deque<StackNames> names_;
  std::deque<Findings> findings_;
  Pool pool_;
  bool is_damaged_ = false;
};

ExitCode Write(const ReportOptions& options, const ReportInput& input, ExitCode inputs) {
  if (options.format == ReportFormat::kText) {
    return WriteText(options.output, options.color, inputs,
                     [&](Output* output) { WriteTextReport(input, output); });
  }
  const auto write = options.format == ReportFormat::kJson ? WriteJsonReport : WriteHtmlReport;
  return WriteResult(options.output, inputs, [&](Output* output) { write(input, output); });
}

}  // namespace

ExitCode RunReport(const ReportOptions& options) {
  WarnOfDebuginfod(options.symbols);
  std::string error;
  const std::optional<View> view = View::Parse(options.view, &error);
  if (!view) {
    PrintError(error);
    return ExitCode::kUsage;
  }
  const Inputs inputs = ExpandInputs(options.inputs);
  if (WouldOverwrite("-o", options.output, inputs.dumps)) return ExitCode::kUsage;

  ReportInput input;
  input.sections = SectionsOf(options);
  input.limit = options.limit;
  input.memory_limit = options.memory_limit;
  input.unusable = inputs.unusable;
  input.view = view->Description();
  input.all_frames = options.all_frames;
  input.tree = options.tree;
  input.source = options.source;
  Profiles profiles(options, *view);
  input.symbolizer = &profiles.symbolizer();
  for (const std::string& dump : inputs.dumps) profiles.Load(dump, &input);
  if (options.merges) profiles.FinishPool(&input);
  for (const UnusableInput& unusable : input.unusable) PrintError(unusable.error);
  if (input.profiles.empty()) return ExitCode::kUnusable;
  const bool partial = profiles.is_damaged() || !input.unusable.empty();
  return Write(options, input, partial ? ExitCode::kPartial : ExitCode::kFine);
}

}  // namespace perfagent

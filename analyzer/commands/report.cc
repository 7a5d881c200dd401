#include "analyzer/commands/report.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>

#include "absl/strings/str_cat.h"
#include "analyzer/commands/inputs.h"
#include "analyzer/model/futex_locks.h"
#include "analyzer/model/suppressions.h"
#include "analyzer/report/json_report.h"
#include "analyzer/report/text_report.h"
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

bool IsSameFile(const std::string& a, const std::string& b) {
  struct stat status_a;
  struct stat status_b;
  return stat(a.c_str(), &status_a) == 0 && stat(b.c_str(), &status_b) == 0 &&
         status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

// The profiles of all dumps that can be used, with their names. Elements stay where they are.
class Profiles {
 public:
  // Both must outlive this.
  Profiles(const ReportOptions& options, const View& view)
      : options_(options), view_(view), symbolizer_({options.debug_paths}) {}

  void Load(const std::string& dump, ReportInput* input) {
    std::string error;
    std::optional<Profile> profile = LoadInView(dump, &error);
    if (!profile) {
      input->unusable.push_back({dump, error});
      return;
    }
    WarnOfDamage(profile->dump);
    is_damaged_ = is_damaged_ || !profile->dump.damage.empty();
    // Of those that are pooled only the last one stays.
    if (options_.merges) {
      names_.clear();
      profiles_.clear();
    }
    Profile& kept = profiles_.emplace_back(*std::move(profile));
    StackNames& names = names_.emplace_back(kept.dump.process, &symbolizer_);
    if (input->sections.churn || input->sections.leaks) {
      Suppress(kept.dump.process, &names, &kept.heap);
      LeaveOutStacks(&kept);
    }
    if (input->sections.contention) FindFutexLocks(&names, &kept.locks);
    names.Show(StyleOf(view_, options_));
    // Stacks that differ in what is hidden alone are the same to see.
    if (view_.hide()) Group(Grouping::kStack, &names, &kept.heap);
    if (options_.group) Group(*options_.group, &names, &kept.heap);
    if (options_.merges) {
      pool_.Add({kept, names});
    } else {
      input->profiles.push_back({kept, names});
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
  // Threads are gone when names are asked for: symbols are read by a child process.
  std::optional<Profile> LoadInView(const std::string& path, std::string* error) {
    std::optional<LoadedDump> dump = LoadWith(path, error);
    if (!dump) return std::nullopt;
    StackNames names(dump->process, &symbolizer_);
    std::optional<EventView> events = view_.EventsOf(*dump, &names, error);
    if (!events) return std::nullopt;
    Workers workers(options_.threads);
    return ReplayDump(*std::move(dump), *std::move(events), &workers);
  }

  std::optional<LoadedDump> LoadWith(const std::string& path, std::string* error) const {
    Workers workers(options_.threads);
    return LoadDump(path, Reading::kDefinitions, &workers, error);
  }

  const ReportOptions& options_;
  const View& view_;
  Symbolizer symbolizer_;
  std::deque<Profile> profiles_;
  std::deque<StackNames> names_;
  Pool pool_;
  bool is_damaged_ = false;
};

ExitCode Write(const ReportOptions& options, const ReportInput& input, ExitCode inputs) {
  int fd = STDOUT_FILENO;
  if (!options.output.empty()) {
    fd = open(options.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
      PrintError(absl::StrCat(options.output, ": ", strerror(errno)));
      return ExitCode::kUsage;
    }
  }
  FileOutput output(fd);
  if (options.format == ReportFormat::kJson) {
    WriteJsonReport(input, &output);
  } else {
    WriteTextReport(input, &output);
  }
  return FinishOutput(&output, options.output.empty() ? "stdout" : options.output, inputs);
}

}  // namespace

ExitCode RunReport(const ReportOptions& options) {
  if (options.format == ReportFormat::kHtml) {
    PrintError("--format html is not there yet; text and json are");
    return ExitCode::kUsage;
  }
  std::string error;
  const std::optional<View> view = View::Parse(options.view, &error);
  if (!view) {
    PrintError(error);
    return ExitCode::kUsage;
  }
  const Inputs inputs = ExpandInputs(options.inputs);
  for (const std::string& dump : inputs.dumps) {
    if (!IsSameFile(dump, options.output)) continue;
    PrintError(absl::StrCat("-o ", options.output, " would overwrite a dump to be read"));
    return ExitCode::kUsage;
  }

  ReportInput input;
  input.sections = SectionsOf(options);
  input.limit = options.limit;
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

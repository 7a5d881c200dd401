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

namespace perfagent {
namespace {

Sections SectionsOf(const ReportOptions& options) {
  if (!options.churn && !options.leaks && !options.contention) return {};
  return {options.churn, options.leaks, options.contention};
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
  Profiles(size_t threads, const SymbolizerOptions& symbols)
      : threads_(threads), symbolizer_(symbols) {}

  void Load(const std::string& dump, ReportInput* input) {
    std::string error;
    std::optional<Profile> profile = LoadWithThreads(dump, &error);
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
  // The threads are gone when it returns: symbols are read by a child process.
  std::optional<Profile> LoadWithThreads(const std::string& dump, std::string* error) const {
    Workers workers(threads_);
    return LoadProfile(dump, &workers, error);
  }

  size_t threads_;
  Symbolizer symbolizer_;
  std::deque<Profile> profiles_;
  std::deque<StackNames> names_;
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
  WarnOfDebuginfod(options.symbols);
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
  Profiles profiles(options.threads, options.symbols);
  input.symbolizer = &profiles.symbolizer();
  for (const std::string& dump : inputs.dumps) profiles.Load(dump, &input);
  for (const UnusableInput& unusable : input.unusable) PrintError(unusable.error);
  if (input.profiles.empty()) return ExitCode::kUnusable;
  const bool partial = profiles.is_damaged() || !input.unusable.empty();
  return Write(options, input, partial ? ExitCode::kPartial : ExitCode::kFine);
}

}  // namespace perfagent

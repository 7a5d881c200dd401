#include "analyzer/commands/check.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/commands/sides.h"
#include "analyzer/compare/comparison.h"
#include "analyzer/dump/dump_file.h"
#include "analyzer/gate/baseline_file.h"
#include "analyzer/gate/leak_suppressions.h"
#include "analyzer/gate/regressions.h"
#include "analyzer/gate/requirement.h"
#include "analyzer/report/check_report.h"

namespace perfagent {
namespace {

std::optional<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    PrintError(absl::StrCat(path, ": ", strerror(errno)));
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool IsBaselineFile(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && !DumpFile::LooksLikeDump(path);
}

class Check {
 public:
  explicit Check(const CheckOptions& options)
      : options_(options), inputs_(ExpandInputs(options.inputs)) {}

  ExitCode Run() {
    if (!HasWork() || !ParseRequirements() || !ReadSuppressions() || !ReadBaseline())
      return ExitCode::kUsage;
    SideLoader loader(options_.threads, options_.symbols,
                      [this](StackNames* names, HeapProfile* heap) {
                        if (suppressions_) suppressions_->Apply(names, heap);
                      });
    code_ = loader.Load(inputs_, &side_);
    if (code_ == ExitCode::kUnusable) return code_;
    if (baseline_inputs_) {
      code_ = WorseOf(code_, loader.Load(*baseline_inputs_, &baseline_.emplace()));
      if (code_ == ExitCode::kUnusable) return code_;
    }
    for (const Requirement& requirement : requirements_) {
      const Judgement judgement = Judge(requirement, side_);
      results_.push_back({requirement.text, judgement.outcome, judgement.text});
    }
    // Comparing takes the things out of their sides.
    WriteFile(options_.write_baseline, [&](Output* output) { WriteBaseline(side_, output); });
    Compare();
    WarnOfSuppressions();
    WriteFile(options_.junit, [&](Output* output) { WriteJUnit(results_, output); });
    return Finish();
  }

 private:
  bool HasWork() {
    if (options_.requirements.empty() && options_.baseline.empty() &&
        options_.write_baseline.empty()) {
      PrintError("check: nothing to check: give --require, --baseline or --write-baseline");
      return false;
    }
    return !WouldOverwrite("--junit", options_.junit, inputs_.dumps) &&
           !WouldOverwrite("--write-baseline", options_.write_baseline, inputs_.dumps);
  }

  bool ParseRequirements() {
    for (const std::string& text : options_.requirements) {
      std::string error;
      std::optional<Requirement> requirement = ParseRequirement(text, &error);
      if (!requirement) {
        PrintError(absl::StrCat("--require ", error));
        return false;
      }
      requirements_.push_back(*std::move(requirement));
    }
    return true;
  }

  bool ReadSuppressions() {
    if (options_.suppressions.empty()) return true;
    const std::optional<std::string> text = ReadText(options_.suppressions);
    if (!text) return false;
    std::string error;
    suppressions_ =
        LeakSuppressions::Parse(*text, options_.suppressions, LeakSuppressions::Today(), &error);
    if (!suppressions_) PrintError(error);
    return suppressions_.has_value();
  }

  // A file of --write-baseline at once; dumps are loaded later.
  bool ReadBaseline() {
    if (options_.baseline.empty()) return true;
    if (options_.baseline.size() > 1 || !IsBaselineFile(options_.baseline.front())) {
      baseline_inputs_ = ExpandInputs(options_.baseline);
      return !WouldOverwrite("--write-baseline", options_.write_baseline,
                             baseline_inputs_->dumps) &&
             !WouldOverwrite("--junit", options_.junit, baseline_inputs_->dumps);
    }
    const std::string& path = options_.baseline.front();
    const std::optional<std::string> text = ReadText(path);
    if (!text) return false;
    std::string error;
    baseline_ = ParseBaseline(*text, path, &error);
    if (!baseline_) PrintError(error);
    return baseline_.has_value();
  }

  void Compare() {
    if (!baseline_) return;
    const Comparison comparison = CompareSides(*std::move(baseline_), std::move(side_));
    if (!comparison.has_heap || !comparison.has_locks) {
      PrintError(absl::StrCat(comparison.has_heap ? "locks were" : "the heap was",
                              " not recorded on both sides, and cannot be compared"));
    }
    for (CheckResult& result :
         FindRegressions(comparison, options_.tolerated_percent / 100, options_.baseline.front())) {
      results_.push_back(std::move(result));
    }
  }

  void WarnOfSuppressions() {
    if (!suppressions_) return;
    for (const std::string& text : suppressions_->Expired()) PrintError(text);
    for (const std::string& text : suppressions_->Unused()) PrintError(text);
  }

  void WriteFile(const std::string& path, absl::FunctionRef<void(Output*)> write) {
    if (!path.empty()) written_ = WorseOf(written_, WriteResult(path, ExitCode::kFine, write));
  }

  // What could not be written outweighs what was found, and that what the inputs were like.
  ExitCode Finish() {
    const ExitCode printed = WriteText("", options_.color, ExitCode::kFine,
                                       [&](Output* output) { WriteCheckText(results_, output); });
    written_ = WorseOf(written_, printed);
    if (written_ != ExitCode::kFine) return written_;
    const bool fails = std::any_of(results_.begin(), results_.end(), [](const CheckResult& result) {
      return result.outcome == Outcome::kFails;
    });
    return fails ? ExitCode::kBeyond : code_;
  }

  const CheckOptions& options_;
  const Inputs inputs_;
  std::vector<Requirement> requirements_;
  std::optional<LeakSuppressions> suppressions_;
  std::optional<Side> baseline_;
  std::optional<Inputs> baseline_inputs_;
  Side side_;
  CheckResults results_;
  ExitCode code_ = ExitCode::kFine;
  ExitCode written_ = ExitCode::kFine;
};

}  // namespace

ExitCode RunCheck(const CheckOptions& options) { return Check(options).Run(); }

}  // namespace perfagent

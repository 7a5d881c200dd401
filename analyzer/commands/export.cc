#include "analyzer/commands/export.h"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "absl/strings/str_cat.h"
#include "analyzer/commands/inputs.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/stack_costs.h"
#include "analyzer/model/futex_locks.h"
#include "analyzer/model/suppressions.h"
#include "analyzer/report/format.h"
#include "analyzer/views/pool.h"

namespace perfagent {
namespace {

constexpr uint64_t kMostTraced = 20'000;

std::string Number(uint64_t count) { return FormatCount(static_cast<double>(count)); }

const ExportFormat* FormatNamed(const std::string& name) {
  const auto formats = ExportFormats();
  const auto found = std::find_if(formats.begin(), formats.end(),
                                  [&](const ExportFormat& format) { return name == format.name; });
  return found == formats.end() ? nullptr : &*found;
}

// Nullopt: *error says why.
std::optional<std::vector<StackMetric>> MetricsFor(const ExportFormat& format,
                                                   const std::string& metric, std::string* error) {
  const std::string name = metric.empty() ? format.usual_metric : metric;
  if (name.empty()) {
    std::vector<StackMetric> all = MetricsOf(/*of_locks=*/false);
    const std::vector<StackMetric> of_locks = MetricsOf(/*of_locks=*/true);
    all.insert(all.end(), of_locks.begin(), of_locks.end());
    return all;
  }
  std::optional<std::vector<StackMetric>> metrics = ParseStackMetrics(name, error);
  if (metrics && !format.accepts(*metrics)) {
    *error = absl::StrCat("--metric ", metric, ": ", format.name, " has it not",
                          format.usual_metric[0] == '\0'
                              ? ""
                              : absl::StrCat("; its usual one is ", format.usual_metric));
    return std::nullopt;
  }
  return metrics;
}

// What is to be exported: one dump's, or the pool of several.
class Source {
 public:
  // All must outlive this.
  Source(const ExportOptions& options, const ExportFormat& format, const View& view)
      : options_(options), format_(format), view_(view), symbolizer_(options.symbols) {}

  // The worse of this and what comes of the others: kFine, kPartial or kUnusable.
  ExitCode Load(const Inputs& inputs) {
    for (const UnusableInput& unusable : inputs.unusable) PrintError(unusable.error);
    bool is_partial = !inputs.unusable.empty();
    is_pool_ = inputs.dumps.size() > 1;
    symbolizer_.Start();
    for (const std::string& dump : inputs.dumps) {
      std::string error;
      // Of those that are pooled only the last one stays.
      names_.reset();
      std::optional<Profile> loaded = LoadOne(dump, &error);
      if (!loaded) {
        PrintError(error);
        is_partial = true;
        continue;
      }
      profile_ = std::make_unique<Profile>(*std::move(loaded));
      WarnOfDamage(profile_->dump);
      is_partial = is_partial || !profile_->dump.damage.empty();
      names_ = std::make_unique<StackNames>(profile_->dump.process, &symbolizer_);
      Prepare();
      if (is_pool_) pool_.Add({*profile_, *names_});
    }
    if (profile_ == nullptr) return ExitCode::kUnusable;
    return is_partial ? ExitCode::kPartial : ExitCode::kFine;
  }

  // After Load, once.
  NamedProfile Take() {
    if (!is_pool_) return {*profile_, *names_};
    names_.reset();
    return pool_.Finish(std::move(*profile_));
  }

 private:
  std::optional<Profile> LoadOne(const std::string& path, std::string* error) {
    if (format_.source != ExportSource::kEvents)
      return LoadInView(options_.threads, path, view_, &symbolizer_, error);
    std::optional<ViewedDump> viewed =
        LoadDumpInView(options_.threads, path, view_, &symbolizer_, error);
    if (!viewed) return std::nullopt;
    return Profile{std::move(viewed->dump), {}, {}, std::move(viewed->view)};
  }

  void Prepare() {
    if (format_.source != ExportSource::kEvents) {
      Suppress(profile_->dump.process, names_.get(), &profile_->heap);
      LeaveOutStacks(profile_.get());
      FindFutexLocks(names_.get(), &profile_->locks);
    }
    if (!view_.hide()) return;
    names_->Show(
        {.hides = [this](const SourceFrame& frame) { return Matches(*view_.hide(), frame); }});
  }

  const ExportOptions& options_;
  const ExportFormat& format_;
  const View& view_;
  Symbolizer symbolizer_;
  std::unique_ptr<Profile> profile_;
  std::unique_ptr<StackNames> names_;
  Pool pool_;
  bool is_pool_ = false;
};

// What no format says.
ExportNotes CommonNotes(const ExportFormat& format, const ExportInput& input) {
  ExportNotes notes;
  const Profile& profile = input.named.profile;
  const ProcessFacts& facts = profile.dump.process.facts;
  const auto is_of_locks = [](StackMetric metric) { return Traits(metric).is_of_locks; };
  const bool has_heap = !std::all_of(input.metrics.begin(), input.metrics.end(), is_of_locks);
  const bool has_locks = std::any_of(input.metrics.begin(), input.metrics.end(), is_of_locks);
  if (format.source != ExportSource::kEvents) {
    const Tally& allocations = profile.heap.total.allocations;
    if (!has_heap && !allocations.IsEmpty())
      notes.push_back(absl::StrCat("left out: the heap, of ",
                                   FormatEstimate(allocations.Interval(), FormatCount),
                                   " allocations"));
    if (!has_locks && profile.locks.contended > 0)
      notes.push_back(
          absl::StrCat("left out: ", Number(profile.locks.contended), " contended waits"));
    const Waits others = OtherWaits(profile.locks);
    if (has_locks && format.source == ExportSource::kSums && others.contended > 0)
      notes.push_back(absl::StrCat("left out: ", Number(others.contended), " waits of ",
                                   FormatDuration(static_cast<double>(others.wait_ns)),
                                   " for conditions, semaphores and the like"));
  }
  if (facts.IsSampled())
    notes.push_back("estimated figures are written scaled, without their 95 % intervals");
  if (facts.TotalLost() > 0)
    notes.push_back(absl::StrCat("lost ", Number(facts.TotalLost()), " events when recorded"));
  return notes;
}

bool IsTerminal(const std::string& output) {
  return (output.empty() || output == "-") && isatty(STDOUT_FILENO) != 0;
}

}  // namespace

ExitCode RunExport(const ExportOptions& options) {
  const auto usage = [](const std::string& error) {
    PrintError(error);
    return ExitCode::kUsage;
  };
  const ExportFormat* format = FormatNamed(options.format);
  if (format == nullptr) return usage("--to " + options.format + ": no such format");
  std::string error;
  const auto metrics = MetricsFor(*format, options.metric, &error);
  if (!metrics) return usage(error);
  const std::optional<View> view = View::Parse(options.view, &error);
  if (!view) return usage(error);
  const Inputs inputs = ExpandInputs(options.inputs);
  if (format->source != ExportSource::kSums && inputs.dumps.size() > 1)
    return usage(absl::StrCat("--to ", format->name, ": a file of one process, but ",
                              inputs.dumps.size(), " dumps are given"));
  if (WouldOverwrite("-o", options.output, inputs.dumps)) return ExitCode::kUsage;
  Compression compression = format->compression;
  if (compression != Compression::kNone && IsTerminal(options.output))
    return usage(
        absl::StrCat("--to ", format->name, ": is no text for a terminal; name a file: -o FILE"));
  if (compression == Compression::kNone) compression = CompressionOf(options.output);
  WarnOfDebuginfod(options.symbols);

  Source source(options, *format, *view);
  const ExitCode loaded = source.Load(inputs);
  if (loaded == ExitCode::kUnusable) return loaded;
  const NamedProfile named = source.Take();
  const ExportInput input{.named = named,
                          .metrics = *metrics,
                          .threads = options.threads,
                          .limit = options.limit.value_or(kMostTraced)};
  ExportNotes notes;
  const ExitCode code = WriteResult(options.output, loaded, [&](Output* output) {
    const std::unique_ptr<CompressedOutput> compressed = MakeCompressedOutput(compression, output);
    notes = format->write(input, compressed.get());
    compressed->Finish();
  });
  for (const std::string& note : CommonNotes(*format, input)) PrintError(note);
  for (const std::string& note : notes) PrintError(note);
  return code;
}

}  // namespace perfagent

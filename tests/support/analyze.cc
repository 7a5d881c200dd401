#include "tests/support/analyze.h"

#include <sys/mman.h>
#include <unistd.h>

#include <deque>
#include <span>
#include <stdexcept>

#include "analyzer/export/export_format.h"
#include "analyzer/findings/all_findings.h"
#include "analyzer/live/live_profile.h"
#include "analyzer/model/futex_locks.h"
#include "analyzer/model/stack_names.h"
#include "analyzer/model/suppressions.h"
#include "analyzer/report/event_lines.h"
#include "analyzer/report/html_report.h"
#include "analyzer/report/info_report.h"
#include "analyzer/report/json_report.h"
#include "analyzer/report/live_lines.h"
#include "analyzer/report/text_report.h"

namespace perfagent::test {
namespace {

// A child for each of thousands of dumps would take most of the time.
const SymbolizerOptions kHere{.debug_paths = {}, .in_this_process = true};

void Check(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

using WriteReport = void (*)(const ReportInput&, Output*);

std::string ReportOf(std::span<Profile> profiles, WriteReport write) {
  Symbolizer symbolizer(kHere);
  std::deque<StackNames> names;
  std::deque<Findings> findings;
  ReportInput input;
  for (Profile& profile : profiles) {
    names.emplace_back(profile.dump.process, &symbolizer);
    Suppress(profile.dump.process, &names.back(), &profile.heap);
    FindFutexLocks(&names.back(), &profile.locks);
    findings.push_back(FindProblems({profile, names.back()}, {}));
    input.profiles.push_back({profile, names.back(), &findings.back()});
  }
  input.symbolizer = &symbolizer;
  StringOutput output;
  write(input, &output);
  output.Flush();
  return output.text();
}

std::string EventsOf(const LoadedDump& dump) {
  Symbolizer symbolizer(kHere);
  StackNames names(dump.process, &symbolizer);
  StringOutput output;
  WriteEvents(dump, &names, &output);
  output.Flush();
  return output.text();
}

void LookAt(const std::string& path) {
  std::string error;
  std::optional<DumpFile> file = DumpFile::Open(path, &error);
  if (!file) throw std::runtime_error(error);
  LiveProfile profile(*std::move(file), kHere);
  profile.Read([](double) { return true; });
  LiveLines(profile.Look(SiteOrder::kBytes, 10), SiteOrder::kBytes, 60);
}

LoadedDump Load(const std::string& path) {
  std::string error;
  Workers workers(1);
  std::optional<LoadedDump> dump = LoadDump(path, Reading::kEverything, &workers, &error);
  if (!dump) throw std::runtime_error(error);
  return *std::move(dump);
}

}  // namespace

MemoryFile::MemoryFile(const std::vector<uint8_t>& bytes) : fd_(memfd_create("dump", MFD_CLOEXEC)) {
  Check(fd_ >= 0, "memfd_create");
  Check(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "write");
}

MemoryFile::~MemoryFile() { close(fd_); }

std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(fd_); }

void MemoryFile::Truncate(uint64_t size) {
  Check(ftruncate(fd_, static_cast<off_t>(size)) == 0, "ftruncate");
}

void MemoryFile::Overwrite(uint64_t offset, uint8_t byte) {
  Check(pwrite(fd_, &byte, 1, static_cast<off_t>(offset)) == 1, "pwrite");
}

Profile ProfileOf(const std::vector<uint8_t>& dump, size_t threads) {
  const MemoryFile file(dump);
  std::string error;
  Workers workers(threads);
  std::optional<Profile> profile = LoadProfile(file.path(), &workers, &error);
  if (!profile) throw std::runtime_error(error);
  return *std::move(profile);
}

Profile ProfileOf(DumpBuilder& dump) { return ProfileOf(dump.Bytes()); }

std::string ErrorOf(const std::vector<uint8_t>& dump) {
  const MemoryFile file(dump);
  std::string error;
  Workers workers(1);
  LoadProfile(file.path(), &workers, &error);
  return error;
}

std::string TextReportOf(Profile* profile) { return ReportOf({profile, 1}, WriteTextReport); }
std::string JsonReportOf(Profile* profile) { return ReportOf({profile, 1}, WriteJsonReport); }
std::string HtmlReportOf(Profile* profile) { return ReportOf({profile, 1}, WriteHtmlReport); }
std::string JsonReportOf(std::vector<Profile> profiles) {
  return ReportOf(profiles, WriteJsonReport);
}

std::string ExportOf(Profile* profile, const std::string& format, const std::string& metric) {
  Symbolizer symbolizer(kHere);
  StackNames names(profile->dump.process, &symbolizer);
  Suppress(profile->dump.process, &names, &profile->heap);
  FindFutexLocks(&names, &profile->locks);
  const NamedProfile named{*profile, names};
  StringOutput output;
  for (const ExportFormat& known : ExportFormats()) {
    if (known.name != format) continue;
    std::string error;
    const std::string group = metric.empty() ? known.usual_metric : metric;
    const auto metrics = ParseStackMetrics(group.empty() ? "heap" : group, &error);
    Check(metrics && (group.empty() || known.accepts(*metrics)), "no such metric");
    known.write({.named = named, .metrics = *metrics, .threads = 1, .limit = 1000}, &output);
  }
  output.Flush();
  return output.text();
}

std::string InfoOf(const LoadedDump& dump) {
  StringOutput output;
  WriteInfo(dump, &output);
  output.Flush();
  return output.text();
}

std::string InfoOf(DumpBuilder& dump) {
  const MemoryFile file(dump.Bytes());
  return InfoOf(Load(file.path()));
}

std::string EventsOf(DumpBuilder& dump) {
  const MemoryFile file(dump.Bytes());
  return EventsOf(Load(file.path()));
}

namespace {

int RunCommands(const std::string& path, bool all) {
  constexpr int kFine = 0;
  constexpr int kPartial = 3;
  constexpr int kUnusable = 4;
  std::string error;
  Workers workers(1);
  std::optional<Profile> profile = LoadProfile(path, &workers, &error);
  if (!profile) return error.empty() ? -1 : kUnusable;
  TextReportOf(&*profile);
  if (all) {
    JsonReportOf(&*profile);
    HtmlReportOf(&*profile);
    EventsOf(profile->dump);
    LookAt(path);
    StringOutput output;
    WriteInfo(profile->dump, &output);
  }
  return profile->dump.damage.empty() ? kFine : kPartial;
}

}  // namespace

int RunTextReport(const std::string& path) { return RunCommands(path, false); }
int RunAllCommands(const std::string& path) { return RunCommands(path, true); }

}  // namespace perfagent::test

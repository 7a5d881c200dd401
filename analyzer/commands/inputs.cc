#include "analyzer/commands/inputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "analyzer/dump/dump_file.h"
#include "analyzer/report/format.h"
#include "analyzer/report/styled_output.h"
#include "analyzer/symbols/debuginfod.h"

namespace perfagent {
namespace {

void ExpandDirectory(const std::string& directory, Inputs* inputs) {
  std::vector<std::string> dumps;
  size_t others = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    if (DumpFile::LooksLikeDump(at->path())) {
      dumps.push_back(at->path());
    } else {
      ++others;
    }
  }
  if (error) {
    inputs->unusable.push_back({directory, absl::StrCat(directory, ": ", error.message())});
    return;
  }
  if (others > 0) {
    PrintError(absl::StrCat(directory, ": passed over ", others,
                            others == 1 ? " entry that is no dump" : " entries that are no dumps"));
  }
  if (dumps.empty()) {
    inputs->unusable.push_back({directory, absl::StrCat(directory, ": no dump in this directory")});
  }
  std::sort(dumps.begin(), dumps.end());
  inputs->dumps.insert(inputs->dumps.end(), dumps.begin(), dumps.end());
}

// The threads are gone when it returns: what becomes of a dump may need a child process.
std::optional<LoadedDump> LoadWith(size_t threads, Reading reading, const std::string& path,
                                   std::string* error) {
  Workers workers(threads);
  return LoadDump(path, reading, &workers, error);
}

bool IsSameFile(const std::string& a, const std::string& b) {
  struct stat status_a;
  struct stat status_b;
  return stat(a.c_str(), &status_a) == 0 && stat(b.c_str(), &status_b) == 0 &&
         status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

}  // namespace

Inputs ExpandInputs(const std::vector<std::string>& words) {
  Inputs inputs;
  for (const std::string& word : words) {
    std::error_code error;
    if (std::filesystem::is_directory(word, error)) {
      ExpandDirectory(word, &inputs);
    } else {
      inputs.dumps.push_back(word);
    }
  }
  return inputs;
}

ExitCode ForEachDump(const std::vector<std::string>& words, size_t threads,
                     absl::FunctionRef<void(const LoadedDump&)> handle) {
  const Inputs inputs = ExpandInputs(words);
  for (const UnusableInput& unusable : inputs.unusable) PrintError(unusable.error);
  bool is_partial = !inputs.unusable.empty();
  bool is_any_usable = false;
  for (const std::string& path : inputs.dumps) {
    std::string error;
    const std::optional<LoadedDump> dump = LoadWith(threads, Reading::kEverything, path, &error);
    if (dump) {
      WarnOfDamage(*dump);
      handle(*dump);
      is_any_usable = true;
    } else {
      PrintError(error);
    }
    is_partial = is_partial || !dump || !dump->damage.empty();
  }
  if (!is_any_usable) return ExitCode::kUnusable;
  return is_partial ? ExitCode::kPartial : ExitCode::kFine;
}

std::optional<Profile> LoadProfileWith(size_t threads, const std::string& path,
                                       std::string* error) {
  Workers workers(threads);
  return LoadProfile(path, &workers, error);
}

std::optional<ViewedDump> LoadDumpInView(size_t threads, const std::string& path, const View& view,
                                         Symbolizer* symbolizer, std::string* error) {
  std::optional<LoadedDump> dump = LoadWith(threads, Reading::kDefinitions, path, error);
  if (!dump) return std::nullopt;
  StackNames names(dump->process, symbolizer);
  std::optional<EventView> events = view.EventsOf(*dump, &names, error);
  if (!events) return std::nullopt;
  names.ReadAhead();  // while the events are replayed
  return ViewedDump{*std::move(dump), *std::move(events)};
}

std::optional<Profile> LoadInView(size_t threads, const std::string& path, const View& view,
                                  Symbolizer* symbolizer, std::string* error) {
  std::optional<ViewedDump> viewed = LoadDumpInView(threads, path, view, symbolizer, error);
  if (!viewed) return std::nullopt;
  return ReplayWith(threads, std::move(viewed->dump), std::move(viewed->view));
}

Profile ReplayWith(size_t threads, LoadedDump dump, EventView view) {
  Workers workers(threads);
  return ReplayDump(std::move(dump), std::move(view), &workers);
}

void ReplayWith(size_t threads, EventView view, Profile* profile) {
  Workers workers(threads);
  Replay(std::move(view), &workers, profile);
}

void PrintError(const std::string& line) {
  fprintf(stderr, "analyzer: %s\n", EscapeForTerminal(line).c_str());
}

void WarnOfDamage(const LoadedDump& dump) {
  if (dump.damage.empty()) return;
  PrintError(absl::StrCat(dump.path, ": damaged in ", dump.damage.size(),
                          dump.damage.size() == 1 ? " place, " : " places, ", dump.SkippedBytes(),
                          " bytes skipped"));
}

void WarnOfDebuginfod(const SymbolizerOptions& symbols) {
  const std::string problem = symbols.debuginfod ? WhyNoDebuginfod() : "";
  if (!problem.empty()) PrintError("--debuginfod: nobody is asked: " + problem);
}

ExitCode FinishOutput(FileOutput* output, const std::string& name, ExitCode inputs) {
  output->Flush();
  if (output->error() != 0) {
    PrintError(absl::StrCat(name, ": ", strerror(output->error())));
    return ExitCode::kInternal;
  }
  return output->closed() ? ExitCode::kFine : inputs;
}

bool WouldOverwrite(const char* option, const std::string& output,
                    const std::vector<std::string>& dumps) {
  for (const std::string& dump : dumps) {
    if (!IsSameFile(dump, output)) continue;
    PrintError(absl::StrCat(option, " ", output, " would overwrite a dump to be read"));
    return true;
  }
  return false;
}

ExitCode WriteResult(const std::string& path, ExitCode inputs,
                     absl::FunctionRef<void(Output*)> write) {
  int fd = STDOUT_FILENO;
  const bool is_file = !path.empty() && path != "-";
  if (is_file) {
    fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
      PrintError(absl::StrCat(path, ": ", strerror(errno)));
      return ExitCode::kUsage;
    }
  }
  FileOutput output(fd);
  write(&output);
  const ExitCode code = FinishOutput(&output, is_file ? path : "stdout", inputs);
  if (is_file) close(fd);
  return code;
}

ExitCode WriteText(const std::string& path, ColorChoice color, ExitCode inputs,
                   absl::FunctionRef<void(Output*)> write) {
  const TextStyle style = path.empty() ? StyleFor(STDOUT_FILENO, color)
                                       : TextStyle{.color = color == ColorChoice::kAlways};
  return WriteResult(path, inputs, [&](Output* output) {
    StyledOutput styled(style, output);
    write(&styled);
    styled.Flush();
  });
}

}  // namespace perfagent

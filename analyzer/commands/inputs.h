// inputs.h: from the words of a command line to dumps, and from a result to where it goes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"
#include "analyzer/report/terminal.h"
#include "analyzer/views/view.h"

namespace perfagent {

struct Inputs {
  std::vector<std::string> dumps;
  std::vector<UnusableInput> unusable;  // named directly, or a directory without dumps
};

// DIR stands for every file directly in it that begins with a dump's magic, by name; what else is
// there is counted on stderr.
Inputs ExpandInputs(const std::vector<std::string>& words);

// Reads each dump that `words` stand for once, with so many threads, and then hands it over. What is
// unusable or damaged is said on stderr. Returns kFine, kPartial or kUnusable.
ExitCode ForEachDump(const std::vector<std::string>& words, size_t threads,
                     absl::FunctionRef<void(const LoadedDump&)> handle);

// LoadProfile with so many threads, which are gone when it returns: symbols are read by a child process.
std::optional<Profile> LoadProfileWith(size_t threads, const std::string& path, std::string* error);

// Of the events in the view, as LoadProfileWith. A dump's own names are asked for to say which they are.
std::optional<Profile> LoadInView(size_t threads, const std::string& path, const View& view,
                                  Symbolizer* symbolizer, std::string* error);

// The same without the second reading: what the dump defines, and which of its events count.
struct ViewedDump {
  LoadedDump dump;
  EventView view;
};
std::optional<ViewedDump> LoadDumpInView(size_t threads, const std::string& path, const View& view,
                                         Symbolizer* symbolizer, std::string* error);
// ReplayDump and Replay with so many threads, which are gone then.
Profile ReplayWith(size_t threads, LoadedDump dump, EventView view);
void ReplayWith(size_t threads, EventView view, Profile* profile);

// One line on stderr, escaped.
void PrintError(const std::string& line);

// "DUMP: damaged in 2 places, ..." on stderr when it is.
void WarnOfDamage(const LoadedDump& dump);

// --debuginfod without a server or the client library: said on stderr.
void WarnOfDebuginfod(const SymbolizerOptions& symbols);

// After everything was written to stdout or a file: what the command returns. An output that could
// not take it all outweighs what the inputs were like.
ExitCode FinishOutput(FileOutput* output, const std::string& name, ExitCode inputs);

// Is `output` one of these dumps? Said on stderr if so; `option` is what named it.
bool WouldOverwrite(const char* option, const std::string& output,
                    const std::vector<std::string>& dumps);

// Writes a result to a file, or to stdout where `path` is empty or "-". Returns what the command does: `inputs` when all is well.
ExitCode WriteResult(const std::string& path, ExitCode inputs,
                     absl::FunctionRef<void(Output*)> write);

// As WriteResult, of a text for people: fitted to the terminal, and in colour, where stdout is one (terminal.h).
ExitCode WriteText(const std::string& path, ColorChoice color, ExitCode inputs,
                   absl::FunctionRef<void(Output*)> write);

}  // namespace perfagent

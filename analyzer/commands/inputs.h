// inputs.h: from the words of a command line to dumps, and from a result to where it goes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analyzer/commands/exit_code.h"
#include "analyzer/report/output.h"
#include "analyzer/report/report_input.h"

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

// One line on stderr, escaped.
void PrintError(const std::string& line);

// "DUMP: damaged in 2 places, ..." on stderr when it is.
void WarnOfDamage(const LoadedDump& dump);

// --debuginfod without a server or the client library: said on stderr.
void WarnOfDebuginfod(const SymbolizerOptions& symbols);

// After everything was written to stdout or a file: what the command returns. An output that could
// not take it all outweighs what the inputs were like.
ExitCode FinishOutput(FileOutput* output, const std::string& name, ExitCode inputs);

}  // namespace perfagent

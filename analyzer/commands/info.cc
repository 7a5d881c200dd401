#include "analyzer/commands/info.h"

#include <unistd.h>

#include "analyzer/commands/inputs.h"
#include "analyzer/report/info_report.h"

namespace perfagent {

ExitCode RunInfo(const InfoOptions& options) {
  FileOutput output(STDOUT_FILENO);
  bool is_first = true;
  const ExitCode inputs = ForEachDump(options.inputs, options.threads, [&](const LoadedDump& dump) {
    if (!is_first) output.Write("\n");
    is_first = false;
    WriteInfo(dump, &output);
  });
  return FinishOutput(&output, "stdout", inputs);
}

}  // namespace perfagent

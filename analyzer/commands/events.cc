#include "analyzer/commands/events.h"

#include <unistd.h>

#include "analyzer/commands/inputs.h"
#include "analyzer/report/event_lines.h"

namespace perfagent {

ExitCode RunEvents(const EventsOptions& options) {
  FileOutput output(STDOUT_FILENO);
  WarnOfDebuginfod(options.symbols);
  Symbolizer symbolizer(options.symbols);
  const ExitCode inputs = ForEachDump(options.inputs, options.threads, [&](const LoadedDump& dump) {
    StackNames names(dump.process, &symbolizer);
    WriteEvents(dump, options.stacks ? &names : nullptr, &output);
  });
  return FinishOutput(&output, "stdout", inputs);
}

}  // namespace perfagent

#include "analyzer/commands/events.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "analyzer/commands/inputs.h"
#include "analyzer/report/event_lines.h"

namespace perfagent {

ExitCode RunEvents(const EventsOptions& options) {
  FileOutput output(STDOUT_FILENO);
  WarnOfDebuginfod(options.symbols);
  Symbolizer symbolizer(options.symbols);
  const ExitCode inputs = ForEachDump(options.inputs, options.threads, [&](const LoadedDump& dump) {
    StackNames names(dump.process, &symbolizer);
    const uint64_t events =
        WriteEvents(dump, options.stacks ? &names : nullptr, &output, options.address);
    if (options.address && events == 0) {
      PrintError(absl::StrCat(dump.path, ": no event is about 0x", absl::Hex(*options.address)));
    }
  });
  return FinishOutput(&output, "stdout", inputs);
}

}  // namespace perfagent

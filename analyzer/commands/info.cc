#include "analyzer/commands/info.h"

#include <unistd.h>

#include "analyzer/commands/inputs.h"
#include "analyzer/report/info_report.h"
#include "analyzer/report/styled_output.h"

namespace perfagent {

ExitCode RunInfo(const InfoOptions& options) {
  FileOutput output(STDOUT_FILENO);
  StyledOutput styled(StyleFor(STDOUT_FILENO, options.color), &output);
  bool is_first = true;
  const ExitCode inputs = ForEachDump(options.inputs, options.threads, [&](const LoadedDump& dump) {
    if (!is_first) styled.Write("\n");
    is_first = false;
    WriteInfo(dump, &styled);
  });
  styled.Flush();
  return FinishOutput(&output, "stdout", inputs);
}

}  // namespace perfagent

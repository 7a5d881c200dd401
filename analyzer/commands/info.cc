#include "analyzer/commands/info.h"

#include <unistd.h>

#include "analyzer/commands/inputs.h"
#include "analyzer/report/info_report.h"

namespace perfagent {

ExitCode RunInfo(const InfoOptions& options) {
  FileOutput output(STDOUT_FILENO);
  RecordCounts counts = {};
  bool is_first = true;
  const ExitCode inputs = ForEachDump(
      options.inputs,
      [&](const IndexedRecord& indexed) {
        RecordCount& count = counts[indexed.record.index()];
        ++count.records;
        count.bytes += indexed.bytes;
      },
      [&](const LoadedDump& dump) {
        if (!is_first) output.Write("\n");
        is_first = false;
        WriteInfo(dump, counts, &output);
        counts = {};
      });
  return FinishOutput(&output, "stdout", inputs);
}

}  // namespace perfagent

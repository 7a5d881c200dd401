// export_format.h: a recording in another tool's format. Each format is a file of its own here and a line in ExportFormats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analyzer/export/compressed_output.h"
#include "analyzer/export/stack_metric.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

struct ExportInput {
  const NamedProfile& named;
  std::vector<StackMetric> metrics;  // those to export, one at least
  size_t threads = 1;                // that may read the dump's events
  uint64_t limit = 0;                // of waits and of holds in a trace
};

// What the file does not say and the recording does, with counts: lines for people.
using ExportNotes = std::vector<std::string>;

// What a format is made from.
enum class ExportSource {
  kSums,    // a profile, also the pool of several
  kEvents,  // the events of one dump in time order; the profile has no sums
  kBoth,    // of one dump
};

struct ExportFormat {
  const char* name;
  ExportSource source;
  Compression compression;  // always; kNone: as the file's name says
  // The --metric that is the usual one, and those that there are: "heap" or "contention", their groups' metrics, or nothing.
  const char* usual_metric;
  bool (*accepts)(const std::vector<StackMetric>& metrics);
  ExportNotes (*write)(const ExportInput& input, Output* output);
};

std::span<const ExportFormat> ExportFormats();

ExportNotes WritePprof(const ExportInput& input, Output* output);
ExportNotes WriteFolded(const ExportInput& input, Output* output);
ExportNotes WriteSpeedscope(const ExportInput& input, Output* output);
ExportNotes WriteCallgrind(const ExportInput& input, Output* output);
ExportNotes WriteDhat(const ExportInput& input, Output* output);
ExportNotes WriteHeaptrack(const ExportInput& input, Output* output);
ExportNotes WriteChromeTrace(const ExportInput& input, Output* output);

}  // namespace perfagent

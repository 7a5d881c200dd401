// Go's profile.proto: heap and contention are separate profiles, as their samples have different values. Values are
// stored scaled. https://github.com/google/pprof/blob/main/proto/profile.proto has the field numbers.
#include <algorithm>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/locations.h"
#include "analyzer/export/stack_costs.h"
#include "analyzer/model/function_names.h"
#include "analyzer/report/format.h"
#include "analyzer/report/lock_names.h"

namespace perfagent {
namespace {

namespace profile {
enum Field : protozero::pbf_tag_type {
  kSampleType = 1,
  kSample = 2,
  kMapping = 3,
  kLocation = 4,
  kFunction = 5,
  kStringTable = 6,
  kTimeNanos = 9,
  kDurationNanos = 10,
  kPeriodType = 11,
  kPeriod = 12,
  kComment = 13,
  kDefaultSampleType = 14,
};
}  // namespace profile
namespace value_type {
enum Field : protozero::pbf_tag_type { kType = 1, kUnit = 2 };
}
namespace sample {
enum Field : protozero::pbf_tag_type { kLocationId = 1, kValue = 2, kLabel = 3 };
}
namespace label {
enum Field : protozero::pbf_tag_type { kKey = 1, kStr = 2 };
}
namespace mapping {
enum Field : protozero::pbf_tag_type {
  kId = 1,
  kMemoryStart = 2,
  kMemoryLimit = 3,
  kFilename = 5,
  kBuildId = 6,
  kHasFunctions = 7,
  kHasFilenames = 8,
  kHasLineNumbers = 9,
  kHasInlineFrames = 10,
};
}
namespace location {
enum Field : protozero::pbf_tag_type { kId = 1, kMappingId = 2, kAddress = 3, kLine = 4 };
}
namespace line {
enum Field : protozero::pbf_tag_type { kFunctionId = 1, kLine = 2 };
}
namespace function {
enum Field : protozero::pbf_tag_type { kId = 1, kName = 2, kSystemName = 3, kFilename = 4 };
}

constexpr char kNoModule[] = "[no module]";

// The format's strings are UTF-8: U+FFFD for what is none.
std::string Utf8Of(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    valid.append(length == 0 ? "\xef\xbf\xbd" : text.substr(0, length));
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return valid;
}

class Writer {
 public:
  explicit Writer(const ExportInput& input)
      : input_(input), names_(input.named.names), facts_(input.named.profile.dump.process.facts) {
    Text("");
  }

  std::string Write() {
    const bool of_locks = Traits(input_.metrics.front()).is_of_locks;
    std::vector<StackMetric> metrics;
    for (const StackMetric metric : MetricsOf(of_locks)) {
      if (Traits(metric).pprof_name != nullptr) metrics.push_back(metric);
    }
    for (const StackMetric metric : metrics)
      WriteType(profile::kSampleType, Traits(metric).pprof_name,
                UnitName(Traits(metric).unit, "count"));
    const StackCosts costs = CostsOf(input_.named, metrics);
    for (const StackRow& row : costs.rows) WriteSample(row);
    AddMainMapping();
    WriteLocations();
    WriteHead(of_locks);
    for (const std::string& text : texts_) profile_.add_string(profile::kStringTable, text);
    return std::move(bytes_);
  }

 private:
  int64_t Text(const std::string& text) {
    const auto [found, is_new] = text_at_.try_emplace(text, static_cast<int64_t>(texts_.size()));
    if (is_new) texts_.push_back(Utf8Of(text));
    return found->second;
  }

  void WriteType(profile::Field field, const char* type, const char* unit) {
    protozero::pbf_writer message(profile_, field);
    message.add_int64(value_type::kType, Text(type));
    message.add_int64(value_type::kUnit, Text(unit));
  }

  void WriteSample(const StackRow& row) {
    std::vector<uint64_t> ids = Numbered(locations_.Of(row.stack));
    protozero::pbf_writer message(profile_, profile::kSample);
    message.add_packed_uint64(sample::kLocationId, ids.begin(), ids.end());
    message.add_packed_int64(sample::kValue, row.values.begin(), row.values.end());
    if (row.lock == nullptr) return;
    protozero::pbf_writer label(message, sample::kLabel);
    label.add_int64(label::kKey, Text("lock"));
    label.add_int64(label::kStr, Text(NameOf(*row.lock)));
  }

  // Ids begin with 1.
  static std::vector<uint64_t> Numbered(const std::vector<uint32_t>& numbers) {
    std::vector<uint64_t> ids;
    ids.reserve(numbers.size());
    for (const uint32_t number : numbers) ids.push_back(uint64_t{number} + 1);
    return ids;
  }

  const std::string& NameOf(const Lock& lock) {
    const auto [found, is_new] = lock_names_.try_emplace(&lock);
    if (is_new) found->second = LockName(lock, &names_);
    return found->second;
  }

  // Tools take the first mapping for the program's.
  void AddMainMapping() {
    const std::string name = BaseName(facts_.executable);
    for (size_t i = 0; i < locations_.size(); ++i) {
      if (BaseName(locations_.ModulePath(locations_[i])) != name) continue;
      MappingOf(locations_[i]);
      return;
    }
  }

  uint64_t MappingOf(const Location& location) {
    const bool is_known = location.module.has_value();
    const ModuleImage* module =
        is_known ? &names_.process().modules()[location.module->value()] : nullptr;
    const std::string& path = is_known ? module->path : locations_.ModulePath(location);
    const uint64_t start = is_known ? module->start : 0;
    const auto [found, is_new] = mapping_of_.try_emplace({path, start}, mapping_of_.size() + 1);
    if (!is_new) return found->second;
    protozero::pbf_writer message(profile_, profile::kMapping);
    message.add_uint64(mapping::kId, found->second);
    message.add_uint64(mapping::kMemoryStart, start);
    message.add_uint64(mapping::kMemoryLimit, is_known ? module->end : 0);
    message.add_int64(mapping::kFilename, Text(path.empty() ? kNoModule : path));
    if (is_known)
      message.add_int64(mapping::kBuildId, Text(absl::BytesToHexString(module->build_id)));
    // All names are here: there is nothing to look up.
    for (const mapping::Field field : {mapping::kHasFunctions, mapping::kHasFilenames,
                                       mapping::kHasLineNumbers, mapping::kHasInlineFrames})
      message.add_bool(field, true);
    return found->second;
  }

  void WriteLocations() {
    for (size_t i = 0; i < locations_.size(); ++i) {
      const Location& place = locations_[i];
      const uint64_t mapping_id = MappingOf(place);
      std::vector<uint64_t> functions;
      for (const SourceFrame* frame : place.lines) functions.push_back(FunctionOf(*frame));
      protozero::pbf_writer message(profile_, profile::kLocation);
      message.add_uint64(location::kId, i + 1);
      message.add_uint64(location::kMappingId, mapping_id);
      message.add_uint64(location::kAddress, place.address);
      for (size_t j = 0; j < functions.size(); ++j) {
        protozero::pbf_writer at(message, location::kLine);
        at.add_uint64(line::kFunctionId, functions[j]);
        at.add_int64(line::kLine, place.lines[j]->line);
      }
    }
  }

  uint64_t FunctionOf(const SourceFrame& frame) {
    const auto [found, is_new] =
        function_of_.try_emplace({frame.function, frame.file}, function_of_.size() + 1);
    if (!is_new) return found->second;
    protozero::pbf_writer message(profile_, profile::kFunction);
    message.add_uint64(function::kId, found->second);
    message.add_int64(function::kName, Text(frame.function));
    message.add_int64(function::kSystemName, Text(frame.function));
    message.add_int64(function::kFilename, Text(frame.file));
    return found->second;
  }

  void WriteHead(bool of_locks) {
    profile_.add_int64(profile::kTimeNanos, static_cast<int64_t>(facts_.start_realtime_ns));
    profile_.add_int64(profile::kDurationNanos, static_cast<int64_t>(facts_.duration_ns));
    if (of_locks) {
      WriteType(profile::kPeriodType, "contentions", "count");
      profile_.add_int64(profile::kPeriod, 1);
    } else {
      const uint64_t interval = input_.named.profile.heap.widest_interval_bytes;
      WriteType(profile::kPeriodType, "space", "bytes");
      profile_.add_int64(profile::kPeriod, static_cast<int64_t>(std::max<uint64_t>(interval, 1)));
    }
    std::vector<int64_t> comments = {
        Text("command: " + facts_.command_line),
        Text(absl::StrCat("recorded by perfagent, ", ModeText(facts_), "; values are scaled")),
        Text(absl::StrCat("lost: ", facts_.TotalLost(), " events"))};
    profile_.add_packed_int64(profile::kComment, comments.begin(), comments.end());
    // Of a group, what pprof itself shows first.
    const StackMetric usual = of_locks ? StackMetric::kWaitNs : StackMetric::kLiveBytes;
    const StackMetric shown = input_.metrics.size() == 1 ? input_.metrics.front() : usual;
    profile_.add_int64(profile::kDefaultSampleType, Text(Traits(shown).pprof_name));
  }

  const ExportInput& input_;
  StackNames& names_;
  const ProcessFacts& facts_;
  std::string bytes_;
  protozero::pbf_writer profile_{bytes_};
  Locations locations_{&names_};
  std::vector<std::string> texts_;
  absl::flat_hash_map<std::string, int64_t> text_at_;
  absl::flat_hash_map<const Lock*, std::string> lock_names_;
  absl::flat_hash_map<std::pair<std::string, uint64_t>, uint64_t> mapping_of_;
  absl::flat_hash_map<std::pair<std::string, std::string>, uint64_t> function_of_;
};

}  // namespace

ExportNotes WritePprof(const ExportInput& input, Output* output) {
  output->Write(Writer(input).Write());
  return {};
}

}  // namespace perfagent

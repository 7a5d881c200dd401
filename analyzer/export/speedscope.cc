// speedscope's own format: a profile for each metric, over one table of functions.
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/locations.h"
#include "analyzer/export/stack_costs.h"
#include "analyzer/report/json_writer.h"

namespace perfagent {
namespace {

struct Sample {
  std::vector<uint32_t> frames;  // outermost first
  std::vector<uint64_t> values;
};

class Writer {
 public:
  Writer(const ExportInput& input, Output* output) : input_(input), json_(output) {}

  void Write() {
    Collect(/*of_locks=*/false);
    Collect(/*of_locks=*/true);
    json_.BeginObject();
    json_.Key("$schema").String("https://www.speedscope.app/file-format-schema.json");
    json_.Key("exporter").String("perfagent");
    json_.Key("name").String(input_.named.profile.dump.process.facts.command_line);
    json_.Key("activeProfileIndex").Integer(FirstShown());
    json_.Key("shared").BeginObject();
    WriteFrames();
    json_.EndObject();
    json_.Key("profiles").BeginArray();
    for (const Group& group : groups_) {
      for (size_t i = 0; i < group.metrics.size(); ++i) WriteProfile(group, i);
    }
    json_.EndArray();
    json_.EndObject();
  }

 private:
  // Metrics with the same stacks.
  struct Group {
    std::vector<StackMetric> metrics;
    std::vector<uint64_t> totals;
    std::vector<Sample> samples;
  };

  void Collect(bool of_locks) {
    Group group;
    for (const StackMetric metric : input_.metrics) {
      if (Traits(metric).is_of_locks == of_locks) group.metrics.push_back(metric);
    }
    if (group.metrics.empty()) return;
    StackCosts costs = CostsOf(input_.named, group.metrics);
    group.totals = std::move(costs.totals);
    for (StackRow& row : costs.rows) {
      Sample& sample = group.samples.emplace_back();
      sample.values = std::move(row.values);
      for (const SourceFrame* frame : RootFirst(locations_, locations_.Of(row.stack)))
        sample.frames.push_back(NumberOf(*frame));
    }
    groups_.push_back(std::move(group));
  }

  // Lines of a function are one: it is one box.
  uint32_t NumberOf(const SourceFrame& frame) {
    const auto [found, is_new] =
        number_of_.try_emplace({frame.function, frame.file}, static_cast<uint32_t>(frames_.size()));
    if (is_new) frames_.push_back(&frame);
    return found->second;
  }

  void WriteFrames() {
    json_.Key("frames").BeginArray();
    for (const SourceFrame* frame : frames_) {
      json_.BeginObject();
      json_.Key("name").String(frame->function);
      if (!frame->file.empty()) json_.Key("file").String(frame->file);
      json_.EndObject();
    }
    json_.EndArray();
  }

  // The bytes, if they are there and any were allocated.
  size_t FirstShown() const {
    size_t index = 0;
    for (const Group& group : groups_) {
      for (size_t i = 0; i < group.metrics.size(); ++i, ++index) {
        const bool is_size = Traits(group.metrics[i]).unit != ExportUnit::kCount;
        if (is_size && group.totals[i] > 0) return index;
      }
    }
    return 0;
  }

  void WriteProfile(const Group& group, size_t i) {
    const StackMetricTraits& traits = Traits(group.metrics[i]);
    json_.BeginObject();
    json_.Key("type").String("sampled");
    json_.Key("name").String(traits.title);
    json_.Key("unit").String(UnitName(traits.unit, "none"));
    json_.Key("startValue").Integer(0);
    json_.Key("endValue").Integer(group.totals[i]);
    json_.Key("samples").BeginArray();
    for (const Sample& sample : group.samples) {
      if (sample.values[i] == 0) continue;
      json_.BeginArray();
      for (const uint32_t frame : sample.frames) json_.Integer(frame);
      json_.EndArray();
    }
    json_.EndArray();
    json_.Key("weights").BeginArray();
    for (const Sample& sample : group.samples) {
      if (sample.values[i] != 0) json_.Integer(sample.values[i]);
    }
    json_.EndArray();
    json_.EndObject();
  }

  const ExportInput& input_;
  JsonWriter json_;
  Locations locations_{&input_.named.names};
  std::vector<Group> groups_;
  std::vector<const SourceFrame*> frames_;
  absl::flat_hash_map<std::pair<std::string, std::string>, uint32_t> number_of_;
};

}  // namespace

ExportNotes WriteSpeedscope(const ExportInput& input, Output* output) {
  Writer(input, output).Write();
  output->Write("\n");
  return {};
}

}  // namespace perfagent

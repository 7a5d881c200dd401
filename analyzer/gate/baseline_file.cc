#include "analyzer/gate/baseline_file.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "analyzer/report/json_writer.h"

namespace perfagent {
namespace {

constexpr char kFormat[] = "perfagent-baseline";
constexpr uint64_t kVersion = 1;

void WriteFigures(JsonWriter* json, const Figures& figures) {
  json->BeginObject();
  ForEachMetric([&](Metric metric) {
    const Figure& figure = figures[metric];
    if (figure.IsZero()) return;
    json->Key(Traits(metric).name).BeginArray();
    for (const double number :
         {figure.mean.value, figure.mean.low, figure.mean.high, figure.run_variance}) {
      json->Number(number);
    }
    json->EndArray();
  });
  json->EndObject();
}

void WriteBuilds(JsonWriter* json, const Side& side) {
  json->BeginObject();
  for (const auto& [file, ids] : side.builds) {
    json->Key(file).BeginArray();
    for (const std::string& id : ids) json->String(id);
    json->EndArray();
  }
  json->EndObject();
}

void WriteThing(JsonWriter* json, const Thing& thing) {
  json->BeginObject();
  json->Key("lock").Bool(thing.is_lock);
  json->Key("kind").String(thing.kind);
  json->Key("name").String(thing.name);
  json->Key("place").Integer(thing.place);
  json->Key("offset").Integer(thing.offset);
  json->Key("frames").BeginArray();
  for (const SourceFrame& frame : thing.frames) {
    json->BeginObject();
    json->Key("function").String(frame.function);
    json->Key("file").String(frame.file);
    json->Key("line").Signed(frame.line);
    json->Key("module").String(frame.module);
    json->EndObject();
  }
  json->EndArray();
  json->Key("figures");
  WriteFigures(json, thing.figures);
  json->EndObject();
}

// What a file says that was not written by WriteBaseline, or not by this version.
class BadBaseline : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

Figure ToFigure(const nlohmann::json& numbers) {
  if (numbers.size() != 4) throw BadBaseline("a figure is [value, low, high, variance]");
  Figure figure;
  figure.mean = {numbers[0].get<double>(), numbers[1].get<double>(), numbers[2].get<double>()};
  figure.run_variance = numbers[3].get<double>();
  const bool is_sound = 0 <= figure.mean.low && figure.mean.low <= figure.mean.value &&
                        figure.mean.value <= figure.mean.high && figure.run_variance >= 0;
  if (!is_sound) throw BadBaseline("a figure has 0 <= low <= value <= high and 0 <= variance");
  return figure;
}

Figures ToFigures(const nlohmann::json& json) {
  Figures figures;
  for (const auto& [name, numbers] : json.items()) {
    const std::optional<Metric> metric = MetricNamed(name);
    if (!metric) throw BadBaseline(absl::StrCat("no metric is named '", name, "'"));
    figures[*metric] = ToFigure(numbers);
  }
  return figures;
}

Thing ToThing(const nlohmann::json& json) {
  Thing thing;
  thing.is_lock = json.at("lock").get<bool>();
  thing.kind = json.at("kind").get<std::string>();
  thing.name = json.at("name").get<std::string>();
  thing.place = json.at("place").get<size_t>();
  thing.offset = json.at("offset").get<uint64_t>();
  for (const nlohmann::json& frame : json.at("frames")) {
    thing.frames.push_back({frame.at("function").get<std::string>(),
                            frame.at("file").get<std::string>(), frame.at("line").get<int>(),
                            frame.at("module").get<std::string>()});
  }
  if (thing.place > 0 && thing.place >= thing.frames.size()) {
    throw BadBaseline("a thing's place is one of its frames");
  }
  thing.figures = ToFigures(json.at("figures"));
  return thing;
}

Side ToSide(const nlohmann::json& json) {
  if (json.at("format").get<std::string>() != kFormat) throw BadBaseline("another format");
  const auto version = json.at("version").get<uint64_t>();
  if (version != kVersion) {
    throw BadBaseline(absl::StrCat("version ", version, ", expected ", kVersion,
                                   ": write it anew with --write-baseline"));
  }
  Side side;
  side.runs = json.at("runs").get<size_t>();
  if (side.runs == 0) throw BadBaseline("no runs");
  side.processes = json.at("processes").get<size_t>();
  side.widest_interval_bytes = json.at("interval_bytes").get<uint64_t>();
  side.has_heap = json.at("heap").get<bool>();
  side.has_locks = json.at("locks").get<bool>();
  side.is_timed = json.at("timed").get<bool>();
  for (const auto& [file, ids] : json.at("builds").items()) {
    side.builds[file] = ids.get<std::set<std::string>>();
  }
  side.total = ToFigures(json.at("total"));
  for (const nlohmann::json& thing : json.at("things")) side.things.push_back(ToThing(thing));
  return side;
}

}  // namespace

void WriteBaseline(const Side& side, Output* output) {
  JsonWriter json(output);
  json.BeginObject();
  json.Key("format").String(kFormat);
  json.Key("version").Integer(kVersion);
  json.Key("runs").Integer(side.runs);
  json.Key("processes").Integer(side.processes);
  json.Key("interval_bytes").Integer(side.widest_interval_bytes);
  json.Key("heap").Bool(side.has_heap);
  json.Key("locks").Bool(side.has_locks);
  json.Key("timed").Bool(side.is_timed);
  json.Key("builds");
  WriteBuilds(&json, side);
  json.Key("total");
  WriteFigures(&json, side.total);
  json.Key("things").BeginArray();
  for (const Thing& thing : side.things) WriteThing(&json, thing);
  json.EndArray();
  json.EndObject();
  output->Write("\n");
}

std::optional<Side> ParseBaseline(const std::string& text, const std::string& name,
                                  std::string* error) {
  try {
    Side side = ToSide(nlohmann::json::parse(text));
    side.dumps = {name};
    return side;
  } catch (const std::exception& wrong) {
    *error = absl::StrCat(
        name, ": neither a dump nor a baseline as --write-baseline writes: ", wrong.what());
    return std::nullopt;
  }
}

}  // namespace perfagent

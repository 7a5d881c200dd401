// DHAT's JSON, version 2, for dh_view.html and the Firefox Profiler: of each stack the blocks in all, at the heap's peak,
// at the end, and at most, and how long they lived. Lock waits are another mode of the same format, without lifetimes.
#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/locations.h"
#include "analyzer/export/stack_costs.h"
#include "analyzer/replay/heap_changes.h"
#include "analyzer/report/json_writer.h"

namespace perfagent {
namespace {

// Of a stack's blocks, what a profile does not sum up. Weighted.
struct Lives {
  double bytes = 0;  // live now
  double blocks = 0;
  double most_bytes = 0;
  double most_blocks = 0;
  double peak_blocks = 0;  // when the whole heap was largest
  double lifetimes_ns = 0;
  double begins_ns = 0;  // the sum of when those that live now began
  uint64_t settled = 0;  // peak_blocks is of that peak or a later one; else it is `blocks`
};

class LivesSink : public ChangeSink {
 public:
  explicit LivesSink(uint64_t since_ns) : since_ns_(since_ns) {}

  void OnEvent(const HeapEvent& event, std::span<const Change> changes,
               std::span<const Site> sites) override {
    for (const Change& change : changes)
      Apply(change, event.time_ns, &lives_[sites[change.site.value()].stack]);
    if (live_bytes_ <= peak_bytes_ || event.time_ns < since_ns_) return;
    peak_bytes_ = live_bytes_;
    ++peaks_;
  }
  void OnEnd(std::span<const Change> changes, std::span<const Site> sites) override {
    for (const Change& change : changes)
      Apply(change, since_ns_, &lives_[sites[change.site.value()].stack]);
  }

  // Of blocks that live on, until then.
  Lives Of(StackId stack, uint64_t end_ns) {
    Lives lives = lives_[stack];
    Settle(&lives);
    lives.lifetimes_ns +=
        std::max(lives.blocks * static_cast<double>(end_ns) - lives.begins_ns, 0.0);
    return lives;
  }

 private:
  void Apply(const Change& change, uint64_t time_ns, Lives* lives) {
    Settle(lives);
    const double weight = change.WeightNow().factor;
    const bool is_end = change.kind == Change::kFree || change.kind == Change::kRealloc;
    const bool is_begin = change.kind == Change::kBegin || change.kind == Change::kEnter;
    // Thinning does not say when a block began: it is taken to be one like the others.
    double began_ns = lives->blocks > 0 ? lives->begins_ns / lives->blocks : mean_begin_ns_;
    if (is_begin) began_ns = static_cast<double>(time_ns);
    if (is_end) {
      began_ns = static_cast<double>(time_ns - std::min(time_ns, change.lifetime_ns));
      lives->lifetimes_ns += weight * static_cast<double>(change.lifetime_ns);
    }
    mean_begin_ns_ = began_ns;
    live_bytes_ += change.Growth();
    lives->bytes += change.Growth();
    const double blocks = change.grows ? weight : change.shrinks ? -weight : 0;
    lives->blocks += blocks;
    lives->begins_ns += blocks * began_ns;
    lives->most_bytes = std::max(lives->most_bytes, lives->bytes);
    lives->most_blocks = std::max(lives->most_blocks, lives->blocks);
  }

  void Settle(Lives* lives) const {
    if (lives->settled == peaks_) return;
    lives->peak_blocks = lives->blocks;
    lives->settled = peaks_;
  }

  const uint64_t since_ns_;
  absl::flat_hash_map<StackId, Lives> lives_;
  double live_bytes_ = 0;
  double peak_bytes_ = 0;
  uint64_t peaks_ = 0;
  double mean_begin_ns_ = 0;  // of the last change
};

// A program point: locations, leaf first, and its numbers by their keys in the file.
using Point = std::vector<uint64_t>;
constexpr const char* kHeapKeys[] = {"tb", "tbk", "eb", "ebk", "gb", "tl", "mb", "mbk", "gbk"};
constexpr const char* kWaitKeys[] = {"tb", "tbk"};
const std::vector<StackMetric> kHeapMetrics = {StackMetric::kBytes, StackMetric::kAllocations,
                                               StackMetric::kLiveBytes, StackMetric::kLiveBlocks,
                                               StackMetric::kPeakBytes};
const std::vector<StackMetric> kWaitMetrics = {StackMetric::kWaitNs, StackMetric::kContended};

constexpr double kNsPerUs = 1000;

class Writer {
 public:
  Writer(const ExportInput& input, Output* output)
      : input_(input),
        profile_(input.named.profile),
        facts_(profile_.dump.process.facts),
        json_(output),
        of_locks_(Traits(input.metrics.front()).is_of_locks) {}

  void Write() {
    Collect();
    json_.BeginObject();
    json_.Key("dhatFileVersion").Integer(2);
    of_locks_ ? WriteWaitMode() : WriteHeapMode();
    json_.Key("bkacc").Bool(false);
    json_.Key("tu").String("us");
    json_.Key("Mtu").String("s");
    json_.Key("cmd").String(facts_.command_line);
    json_.Key("pid").Integer(facts_.pid);
    json_.Key("te").Integer(facts_.duration_ns / 1000);
    json_.Key("pps").BeginArray();
    for (const auto& [locations, point] : points_) WritePoint(locations, point);
    json_.EndArray();
    WriteFrames();
    json_.EndObject();
  }

 private:
  void WriteHeapMode() {
    constexpr uint64_t kShortLifeUs = 10;
    json_.Key("mode").String("heap");
    json_.Key("verb").String("Allocated");
    json_.Key("bklt").Bool(true);
    json_.Key("tuth").Integer(kShortLifeUs);
    json_.Key("tg").Integer(profile_.heap.peak_time_ns / 1000);
  }

  void WriteWaitMode() {
    json_.Key("mode").String("contention");
    json_.Key("verb").String("Waited");
    json_.Key("bklt").Bool(false);
    json_.Key("bu").String("ns");
    json_.Key("bsu").String("ns");
    json_.Key("bksu").String("waits");
  }

  void Collect() {
    const StackCosts costs = CostsOf(input_.named, of_locks_ ? kWaitMetrics : kHeapMetrics);
    if (of_locks_) {
      for (const StackRow& row : costs.rows) Add(row.stack, row.values);
      return;
    }
    LivesSink lives(profile_.view.since_ns);
    {
      Workers workers(input_.threads);
      ReplayChanges(profile_.dump, profile_.view, &workers, &lives);
    }
    const uint64_t end_ns = std::min(facts_.duration_ns, profile_.view.until_ns);
    for (const StackRow& row : costs.rows)
      Add(row.stack, WithLives(row, lives.Of(row.stack, end_ns)));
  }

  static Point WithLives(const StackRow& row, const Lives& lives) {
    const auto round = [](double value) {
      return static_cast<uint64_t>(std::round(std::max(value, 0.0)));
    };
    Point point = row.values;
    const uint64_t end_bytes = point[2], end_blocks = point[3], peak_bytes = point[4];
    const uint64_t peak_blocks = round(lives.peak_blocks);
    point.push_back(round(lives.lifetimes_ns / kNsPerUs));
    // Rounded one by one, the most must not be less than the rest.
    point.push_back(std::max({round(lives.most_bytes), end_bytes, peak_bytes}));
    point.push_back(std::max({round(lives.most_blocks), end_blocks, peak_blocks}));
    point.push_back(peak_blocks);
    return point;
  }

  // Two points with the same locations would be an error to dh_view. The most of both is no less than they had at once.
  void Add(StackId stack, const Point& values) {
    std::vector<uint32_t> locations = locations_.Of(stack);
    Point& point = points_[std::move(locations)];
    point.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) point[i] += values[i];
  }

  void WritePoint(const std::vector<uint32_t>& locations, const Point& point) {
    json_.BeginObject();
    const auto keys = of_locks_ ? std::span<const char* const>(kWaitKeys) : kHeapKeys;
    for (size_t i = 0; i < keys.size(); ++i) json_.Key(keys[i]).Integer(point[i]);
    json_.Key("fs").BeginArray();
    for (const uint32_t location : locations) {
      for (uint32_t frame : FramesOf(location)) json_.Integer(frame);
    }
    json_.EndArray();
    json_.EndObject();
  }

  // In the file's table; its first is the root of all.
  const std::vector<uint32_t>& FramesOf(uint32_t number) {
    const auto [found, is_new] = frames_of_.try_emplace(number);
    if (!is_new) return found->second;
    const Location& location = locations_[number];
    for (const SourceFrame* frame : location.lines) {
      found->second.push_back(static_cast<uint32_t>(frames_.size()) + 1);
      frames_.push_back(Text(location, *frame));
    }
    return found->second;
  }

  static std::string Text(const Location& location, const SourceFrame& frame) {
    std::string text = absl::StrCat("0x", absl::Hex(location.address), ": ", frame.function);
    if (!frame.file.empty()) return absl::StrCat(text, " (", frame.file, ":", frame.line, ")");
    return frame.module.empty() ? text : absl::StrCat(text, " (in ", frame.module, ")");
  }

  void WriteFrames() {
    json_.Key("ftbl").BeginArray();
    json_.String("[root]");
    for (const std::string& frame : frames_) json_.String(frame);
    json_.EndArray();
  }

  const ExportInput& input_;
  const Profile& profile_;
  const ProcessFacts& facts_;
  JsonWriter json_;
  const bool of_locks_;
  Locations locations_{&input_.named.names};
  std::map<std::vector<uint32_t>, Point> points_;
  absl::flat_hash_map<uint32_t, std::vector<uint32_t>> frames_of_;
  std::vector<std::string> frames_;
};

}  // namespace

ExportNotes WriteDhat(const ExportInput& input, Output* output) {
  Writer(input, output).Write();
  output->Write("\n");
  return {};
}

}  // namespace perfagent

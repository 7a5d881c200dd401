// Callgrind's profile: what functions and their lines cost themselves, and what calls of others cost. KCachegrind and
// callgrind_annotate read it. Heap and lock waits are side by side, as events of one file.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/locations.h"
#include "analyzer/export/stack_costs.h"

namespace perfagent {
namespace {

struct Event {
  StackMetric metric;
  const char* name;
};
constexpr Event kEvents[] = {{StackMetric::kBytes, "Bytes"},
                             {StackMetric::kAllocations, "Allocs"},
                             {StackMetric::kLeakedBytes, "LeakB"},
                             {StackMetric::kWaitNs, "WaitNs"}};
using Costs = std::array<uint64_t, std::size(kEvents)>;

void Add(const Costs& more, Costs* costs) {
  for (size_t i = 0; i < more.size(); ++i) (*costs)[i] += more[i];
}

// A name has no end of line in it.
std::string OneLine(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return name.empty() ? "???" : name;
}

// "(1) name" at first, then "(1)".
class Names {
 public:
  std::string Of(const std::string& name) {
    const auto [found, is_new] = number_of_.try_emplace(name, number_of_.size() + 1);
    return is_new ? absl::StrCat("(", found->second, ") ", OneLine(name))
                  : absl::StrCat("(", found->second, ")");
  }

 private:
  absl::flat_hash_map<std::string, size_t> number_of_;
};

class Writer {
 public:
  Writer(const ExportInput& input, Output* output)
      : input_(input), output_(output), locations_(&input.named.names) {}

  void Write() {
    Collect(/*of_locks=*/false);
    Collect(/*of_locks=*/true);
    WriteHead();
    for (const auto& [function, costs] : functions_) WriteFunction(function, costs);
    Line("totals: ", Joined(totals_));
  }

 private:
  // By object, file and name.
  using Function = std::tuple<std::string, std::string, std::string>;
  struct Call {
    int line;
    const Function* callee;
    int callee_line;
    friend auto operator<=>(const Call&, const Call&) = default;
  };
  struct FunctionCosts {
    std::map<int, Costs> self;    // by line
    std::map<Call, Costs> calls;  // inclusive
  };
  using Functions = std::map<Function, FunctionCosts>;

  void Collect(bool of_locks) {
    std::vector<StackMetric> metrics;
    std::vector<size_t> columns;
    for (size_t i = 0; i < std::size(kEvents); ++i) {
      if (Traits(kEvents[i].metric).is_of_locks != of_locks) continue;
      metrics.push_back(kEvents[i].metric);
      columns.push_back(i);
    }
    const StackCosts costs = CostsOf(input_.named, metrics);
    for (const StackRow& row : costs.rows) {
      Costs values = {};
      for (size_t i = 0; i < columns.size(); ++i) values[columns[i]] = row.values[i];
      AddStack(row.stack, values);
    }
  }

  void AddStack(StackId stack, const Costs& costs) {
    Add(costs, &totals_);
    std::vector<const SourceFrame*> frames = RootFirst(locations_, locations_.Of(stack));
    std::reverse(frames.begin(), frames.end());
    if (frames.empty()) frames.push_back(&no_stack_);
    Functions::value_type* callee = &FunctionOf(*frames.front());
    Add(costs, &callee->second.self[frames.front()->line]);
    // Of a recursion's rounds only one, and none of a function that calls itself (or a part of itself, which was inlined):
    // readers add calls to what a function costs, and it would seem to cost more than it did.
    std::set<std::pair<const Function*, Call>> seen;
    for (size_t i = 1; i < frames.size(); ++i) {
      Functions::value_type* caller = &FunctionOf(*frames[i]);
      const Call call{frames[i]->line, &callee->first, frames[i - 1]->line};
      if (caller != callee && seen.emplace(&caller->first, call).second)
        Add(costs, &caller->second.calls[call]);
      callee = caller;
    }
  }

  Functions::value_type& FunctionOf(const SourceFrame& frame) {
    Functions::value_type*& known = function_of_[&frame];
    if (known == nullptr)
      known = &*functions_.try_emplace({frame.module, frame.file, frame.function}).first;
    return *known;
  }

  template <typename... Parts>
  void Line(const Parts&... parts) {
    output_->Write(absl::StrCat(parts..., "\n"));
  }
  static std::string Joined(const Costs& costs) { return absl::StrJoin(costs, " "); }

  void WriteHead() {
    const ProcessFacts& facts = input_.named.profile.dump.process.facts;
    Line("# callgrind format");
    Line("version: 1");
    Line("creator: perfagent");
    Line("pid: ", facts.pid);
    Line("cmd: ", OneLine(facts.command_line));
    Line("positions: line");
    std::string events;
    for (const Event& event : kEvents) {
      Line("event: ", event.name, " : ", Traits(event.metric).title);
      absl::StrAppend(&events, " ", event.name);
    }
    Line("events:", events);
    Line("summary: ", Joined(totals_));
  }

  void WriteFunction(const Function& function, const FunctionCosts& costs) {
    const auto& [object, file, name] = function;
    Line();
    Line("ob=", objects_.Of(object));
    Line("fl=", files_.Of(file));
    Line("fn=", names_.Of(name));
    for (const auto& [line, self] : costs.self) Line(line, " ", Joined(self));
    for (const auto& [call, inclusive] : costs.calls) WriteCall(call, inclusive);
  }

  void WriteCall(const Call& call, const Costs& inclusive) {
    const auto& [object, file, name] = *call.callee;
    Line("cob=", objects_.Of(object));
    Line("cfi=", files_.Of(file));
    Line("cfn=", names_.Of(name));
    // How often it was called is not known: as often as it allocated in the end, or once.
    Line("calls=", std::max<uint64_t>(inclusive[1], 1), " ", call.callee_line);
    Line(call.line, " ", Joined(inclusive));
  }

  const ExportInput& input_;
  Output* output_;
  Locations locations_;
  const SourceFrame no_stack_{.function = "[no stack]", .file = {}, .line = 0, .module = {}};
  Functions functions_;
  absl::flat_hash_map<const SourceFrame*, Functions::value_type*> function_of_;
  Costs totals_ = {};
  Names objects_;
  Names files_;
  Names names_;
};

}  // namespace

ExportNotes WriteCallgrind(const ExportInput& input, Output* output) {
  Writer(input, output).Write();
  return {
      "calls: how often functions called one another was not recorded; shown is how often they "
      "allocated"};
}

}  // namespace perfagent

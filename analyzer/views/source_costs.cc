#include "analyzer/views/source_costs.h"

#include <set>
#include <tuple>
#include <utility>

#include "analyzer/model/function_names.h"

namespace perfagent {
namespace {

// "Leak", "ns::Leak" and "ns::Leak(int)" all name "ns::Leak(int)".
bool IsNamed(const SourceFrame& frame, const std::string& name) {
  if (frame.function == name) return true;
  const std::string qualified = QualifiedName(frame.function);
  return qualified == name || qualified.ends_with("::" + name);
}

void Merge(const LineCosts& other, LineCosts* costs) {
  costs->allocations.Merge(other.allocations);
  costs->bytes.Merge(other.bytes);
  costs->leaked_bytes.Merge(other.leaked_bytes);
  costs->waits.Merge(other.waits);
  costs->wait_ns.Merge(other.wait_ns);
}

class Collector {
 public:
  Collector(const std::string& function, StackNames* names) : function_(function), names_(names) {}

  void Add(StackId stack, const LineCosts& costs) {
    std::set<FunctionSource*> functions;
    std::set<LineCosts*> lines;
    for (const SourceFrame* frame : names_->Frames(stack)) {
      if (!IsNamed(*frame, function_)) continue;
      FunctionSource& source = sources_[{frame->function, frame->file}];
      source.module = frame->module;
      functions.insert(&source);
      lines.insert(&source.costs[frame->line]);
    }
    for (FunctionSource* source : functions) Merge(costs, &source->total);
    for (LineCosts* line : lines) Merge(costs, line);
  }

  std::vector<FunctionSource> Finish() {
    std::vector<FunctionSource> sources;
    for (auto& [key, source] : sources_) {
      std::tie(source.function, source.file) = key;
      sources.push_back(std::move(source));
    }
    return sources;
  }

 private:
  const std::string& function_;
  StackNames* names_;
  std::map<std::pair<std::string, std::string>, FunctionSource> sources_;
};

}  // namespace

std::vector<FunctionSource> SourceCosts(const std::string& function, const NamedProfile& named) {
  Collector collector(function, &named.names);
  for (const HeapSite& site : named.profile.heap.sites) {
    collector.Add(site.stack, {.allocations = site.metrics.allocations,
                               .bytes = site.metrics.bytes,
                               .leaked_bytes = site.metrics.leaked_bytes});
  }
  for (const Lock& lock : named.profile.locks.locks) {
    if (!lock.is_lock) continue;
    for (const LockWaits& waits : lock.waits)
      collector.Add(waits.stack, {.waits = waits.waits, .wait_ns = waits.wait_ns});
  }
  return collector.Finish();
}

}  // namespace perfagent

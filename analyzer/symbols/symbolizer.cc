#include "analyzer/symbols/symbolizer.h"

#include <map>
#include <utility>

#include "analyzer/symbols/module_symbols.h"

namespace perfagent {

struct Symbolizer::State {
  using FileKey = std::pair<std::string, std::string>;  // path, build id

  SymbolizerOptions options;
  std::map<FileKey, std::unique_ptr<ModuleSymbols>> files;
  std::vector<ModuleSymbols*> in_order;  // as first seen, so that Problems() is stable
};

Symbolizer::Symbolizer(SymbolizerOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}

Symbolizer::~Symbolizer() = default;

ModuleSymbols& Symbolizer::SymbolsOf(const ModuleImage& module) {
  auto [entry, is_new] = state_->files.try_emplace({module.path, module.build_id});
  if (is_new) {
    entry->second =
        std::make_unique<ModuleSymbols>(module.path, module.build_id, state_->options.debug_paths);
    state_->in_order.push_back(entry->second.get());
  }
  return *entry->second;
}

std::vector<SourceFrame> Symbolizer::Resolve(const ModuleImage* module, uint64_t address) {
  if (module != nullptr) return SymbolsOf(*module).Resolve(address - module->bias);
  SourceFrame frame;
  frame.function = HexAddress(address);
  return {frame};
}

std::string Symbolizer::ResolveData(const ModuleImage& module, uint64_t address) {
  return SymbolsOf(module).ResolveData(address - module.bias);
}

std::vector<std::string> Symbolizer::Problems() const {
  std::vector<std::string> problems;
  for (const ModuleSymbols* symbols : state_->in_order) {
    if (!symbols->problem().empty()) problems.push_back(symbols->problem());
  }
  return problems;
}

}  // namespace perfagent

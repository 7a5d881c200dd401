#include "analyzer/symbols/symbolizer.h"

#include <map>
#include <utility>

#include "analyzer/symbols/symbol_process.h"

namespace perfagent {
namespace {

// Of all names together, since a few bytes of a dump can ask for a long one. A browser's report
// needs some hundred MB.
constexpr size_t kMaxNameBytes = size_t{1} << 30;

size_t NameBytes(const SymbolAnswer& answer) {
  size_t bytes = answer.name.size();
  for (const SourceFrame& frame : answer.frames) {
    bytes += sizeof frame + frame.function.size() + frame.file.size() + frame.module.size();
  }
  return bytes;
}

}  // namespace

struct Symbolizer::State {
  using FileKey = std::pair<std::string, std::string>;  // path, build id
  struct File {
    std::string problem;
    bool failed = false;  // is not asked about again
  };

  explicit State(const SymbolizerOptions& options)
      : in_this_process(options.in_this_process),
        files(PathsOf(options)),
        process(PathsOf(options), {options.cpu_seconds, options.memory_bytes}) {}

  static SearchPaths PathsOf(const SymbolizerOptions& options) {
    return {options.sysroot, options.debug_paths, options.debuginfod};
  }

  // Nullopt when there is no answer; the file's problem then says why.
  std::optional<SymbolAnswer> Ask(const SymbolQuestion& question);
  std::string Name(SymbolQuestion::About about, const ModuleImage& module, uint64_t address);
  File& At(const SymbolQuestion& question);

  bool in_this_process;
  SymbolFiles files;
  SymbolProcess process;
  std::map<FileKey, File> known;
  std::vector<File*> in_order;  // as first seen, so that Problems() is stable
  size_t name_bytes = 0;
};

Symbolizer::State::File& Symbolizer::State::At(const SymbolQuestion& question) {
  const auto [entry, is_new] = known.try_emplace({question.path, question.build_id});
  if (is_new) in_order.push_back(&entry->second);
  return entry->second;
}

std::optional<SymbolAnswer> Symbolizer::State::Ask(const SymbolQuestion& question) {
  File& file = At(question);
  if (file.failed) return std::nullopt;
  std::string failure = "makes names longer than a report can hold";
  std::optional<SymbolAnswer> answer;
  if (name_bytes < kMaxNameBytes) {
    answer = in_this_process ? files.Answer(question) : process.Ask(question, &failure);
  }
  if (answer) {
    name_bytes += NameBytes(*answer);
    file.problem = answer->problem;
  } else {
    file.failed = true;
    file.problem = ShownName(question.path) + ": reading its symbols " + failure;
  }
  return answer;
}

std::string Symbolizer::State::Name(SymbolQuestion::About about, const ModuleImage& module,
                                    uint64_t address) {
  const std::optional<SymbolAnswer> answer =
      Ask({about, address - module.bias, module.path, module.build_id});
  return answer ? answer->name : "";
}

Symbolizer::Symbolizer(const SymbolizerOptions& options)
    : state_(std::make_unique<State>(options)) {}

Symbolizer::~Symbolizer() = default;

void Symbolizer::Start() {
  if (!state_->in_this_process) state_->process.Start();
}

void Symbolizer::ReadAhead(const ModuleImage& module, uint64_t address) {
  if (state_->in_this_process || state_->known.contains({module.path, module.build_id})) return;
  state_->process.AskAhead(
      {SymbolQuestion::About::kCode, address - module.bias, module.path, module.build_id});
}

std::vector<SourceFrame> Symbolizer::Resolve(const ModuleImage* module, uint64_t address) {
  SourceFrame unknown;
  if (module == nullptr) {
    unknown.function = HexAddress(address);
    return {unknown};
  }
  const uint64_t file_address = address - module->bias;
  std::optional<SymbolAnswer> answer =
      state_->Ask({SymbolQuestion::About::kCode, file_address, module->path, module->build_id});
  if (answer && !answer->frames.empty()) return std::move(answer->frames);
  unknown.function = OffsetName(module->path, file_address);
  unknown.module = module->path;
  return {unknown};
}

std::string Symbolizer::SymbolName(const ModuleImage& module, uint64_t address) {
  return state_->Name(SymbolQuestion::About::kSymbol, module, address);
}

std::string Symbolizer::ResolveData(const ModuleImage& module, uint64_t address) {
  return state_->Name(SymbolQuestion::About::kData, module, address);
}

std::vector<std::string> Symbolizer::Problems() const {
  std::vector<std::string> problems;
  for (const State::File* file : state_->in_order) {
    if (!file->problem.empty()) problems.push_back(file->problem);
  }
  return problems;
}

}  // namespace perfagent

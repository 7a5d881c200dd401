// symbol_files.h: the ELF files of all modules, opened in this process.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/symbols/module_symbols.h"

namespace perfagent {

// What a file says about one address. `problem` is the file's, not the address's.
struct SymbolAnswer {
  std::vector<SourceFrame> frames;  // to a question about code
  std::string name;                 // to one about data, or a symbol
  std::string problem;
};

struct SymbolQuestion {
  enum class About : uint8_t { kCode, kData, kSymbol };

  About about = About::kCode;
  uint64_t address = 0;  // as written in the file
  std::string path;
  std::string build_id;
};

class SymbolFiles {
 public:
  explicit SymbolFiles(SearchPaths paths) : paths_(std::move(paths)) {}

  SymbolAnswer Answer(const SymbolQuestion& question) {
    ModuleSymbols& module = At(question);
    SymbolAnswer answer;
    switch (question.about) {
      case SymbolQuestion::About::kCode:
        answer.frames = module.Resolve(question.address);
        break;
      case SymbolQuestion::About::kData:
        answer.name = module.ResolveData(question.address);
        break;
      case SymbolQuestion::About::kSymbol:
        answer.name = module.SymbolName(question.address);
        break;
    }
    answer.problem = module.problem();
    return answer;
  }

 private:
  ModuleSymbols& At(const SymbolQuestion& question) {
    std::unique_ptr<ModuleSymbols>& file = files_[{question.path, question.build_id}];
    if (file == nullptr) {
      file = std::make_unique<ModuleSymbols>(question.path, question.build_id, paths_);
    }
    return *file;
  }

  SearchPaths paths_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<ModuleSymbols>> files_;
};

}  // namespace perfagent

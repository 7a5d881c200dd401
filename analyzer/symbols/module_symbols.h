// module_symbols.h: everything known about one ELF file, at the addresses written in the file.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/symbols/dwarf_index.h"
#include "analyzer/symbols/file_search.h"
#include "analyzer/symbols/symbol_table.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

std::string HexAddress(uint64_t address);  // "0x7f0012345678"
// "libx.so+0x1234": an address for addr2line.
std::string OffsetName(const std::string& path, uint64_t address);
std::string ShownName(const std::string& path);  // "[unnamed]" for none

class ModuleSymbols {
 public:
  // Never fails: an unusable file gives names like "libx.so+0x1234", and problem() says why.
  ModuleSymbols(const std::string& path, const std::string& build_id, const SearchPaths& paths);
  ~ModuleSymbols();
  ModuleSymbols(const ModuleSymbols&) = delete;
  ModuleSymbols& operator=(const ModuleSymbols&) = delete;

  const std::vector<SourceFrame>& Resolve(uint64_t address);
  std::string ResolveData(uint64_t address) const;
  // The function by the symbol table alone: cheap, and blind to what was inlined. Empty when unknown.
  std::string SymbolName(uint64_t address) const;
  const std::string& problem() const { return problem_; }

 private:
  struct DwflEnd {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
  };

  struct ElfFile;  // a descriptor, its Elf and its Dwarf

  static int FindDebugInfo(Dwfl_Module* module, void** userdata, const char* name, Dwarf_Addr base,
                           const char* file, const char* link, GElf_Word link_crc,
                           char** debug_file);
  int OpenDebugFile(const char* link, uint32_t link_crc, char** debug_file);
  bool OpenSharedDebugFile(Dwarf* dwarf);
  void Open(const std::string& build_id);
  bool Report(int fd);
  void OpenDebugInformation();
  std::vector<SourceFrame> FindFrames(uint64_t address);
  std::string NameWithoutDebugInfo(uint64_t address) const;

  std::string path_;        // as recorded
  std::string file_;        // what was found for it
  std::string build_id_;    // of file_
  std::string debug_file_;  // where the debug information is
  SearchPaths paths_;
  std::string problem_;
  std::string debug_problem_;              // of the debug file
  std::unique_ptr<ElfFile> shared_debug_;  // used by dwfl_'s debug information: outlives it
  std::unique_ptr<Dwfl, DwflEnd> dwfl_;    // null when the file is unusable
  Dwfl_Module* module_ = nullptr;
  uint64_t dwarf_bias_ = 0;
  std::optional<SymbolTable> symbols_;
  bool debug_information_is_open_ = false;  // or was found to be missing
  std::optional<DwarfIndex> dwarf_;
  std::unordered_map<uint64_t, std::vector<SourceFrame>> cache_;
};

}  // namespace perfagent

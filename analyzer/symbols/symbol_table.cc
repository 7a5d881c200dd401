#include "analyzer/symbols/symbol_table.h"

#include <gelf.h>

#include <cstring>
#include <vector>

namespace perfagent {
namespace {

int BindingRank(const GElf_Sym& symbol) {
  switch (GELF_ST_BIND(symbol.st_info)) {
    case STB_GLOBAL:
    case STB_GNU_UNIQUE:
      return 2;
    case STB_WEAK:
      return 1;
    default:
      return 0;
  }
}

bool GetSection(Elf* elf, GElf_Word index, GElf_Shdr* header) {
  Elf_Scn* section = elf == nullptr ? nullptr : elf_getscn(elf, index);
  return section != nullptr && gelf_getshdr(section, header) != nullptr;
}

// Labels of hand-written assembly have no type; so have the compiler's ".L" leftovers.
bool IsFunction(int type, const GElf_Shdr& section, const char* name) {
  if (type == STT_FUNC || type == STT_GNU_IFUNC) return true;
  return type == STT_NOTYPE && (section.sh_flags & SHF_EXECINSTR) != 0 && name[0] != '.';
}

size_t LeadingUnderscores(const char* name) { return strspn(name, "_"); }

}  // namespace

SymbolTable::SymbolTable(Dwfl_Module* module) {
  int count = dwfl_module_getsymtab(module);
  for (int i = 1; i < count; ++i) Add(module, i);  // symbol 0 is the null symbol
  functions_.Sort(IsBetterName);
  objects_.Sort(IsBetterName);
  if (!has_local_symbols_) unsized_functions_ = {};
  EndSizelessAtNextSymbol(&unsized_functions_);
}

// Of several names of one address, the one that a programmer writes: malloc, not __libc_malloc.
bool SymbolTable::IsBetterName(const Symbol& a, const Symbol& b) {
  if (a.binding_rank != b.binding_rank) return a.binding_rank > b.binding_rank;
  if (LeadingUnderscores(a.name) != LeadingUnderscores(b.name)) {
    return LeadingUnderscores(a.name) < LeadingUnderscores(b.name);
  }
  if (strlen(a.name) != strlen(b.name)) return strlen(a.name) < strlen(b.name);
  return strcmp(a.name, b.name) < 0;
}

void SymbolTable::Add(Dwfl_Module* module, int index) {
  GElf_Sym symbol;
  GElf_Addr address = 0;
  GElf_Word section_index = 0;
  Elf* elf = nullptr;
  const char* name = dwfl_module_getsym_info(module, index, &symbol, &address, &section_index, &elf,
                                             /*bias=*/nullptr);
  GElf_Shdr section;
  if (name == nullptr || name[0] == '\0' || section_index == SHN_UNDEF ||
      !GetSection(elf, section_index, &section) || (section.sh_flags & SHF_ALLOC) == 0) {
    return;
  }
  int type = GELF_ST_TYPE(symbol.st_info);
  if (GELF_ST_BIND(symbol.st_info) == STB_LOCAL && type != STT_SECTION) has_local_symbols_ = true;
  uint64_t end = address + symbol.st_size;
  Symbol value{name, BindingRank(symbol)};
  if (type == STT_OBJECT || type == STT_COMMON) {
    objects_.Add(address, end, value);
  } else if (IsFunction(type, section, name)) {
    if (symbol.st_size != 0) {
      functions_.Add(address, end, value);
    } else {
      unsized_functions_.Add(address, section.sh_addr + section.sh_size, value);
    }
  }
}

// Called with ends at the end of the section.
void SymbolTable::EndSizelessAtNextSymbol(Table* table) {
  table->Sort(IsBetterName);
  uint64_t next = UINT64_MAX;  // the lowest address seen that is above the entry's
  auto& entries = table->entries();
  for (size_t i = entries.size(); i-- > 0;) {
    if (i + 1 < entries.size() && entries[i + 1].low != entries[i].low) next = entries[i + 1].low;
    entries[i].high = std::min(entries[i].high, next);
  }
  table->Sort(IsBetterName);
}

const char* SymbolTable::Function(uint64_t address) const {
  if (const auto* sized = functions_.Find(address)) return sized->value.name;
  const auto* label = unsized_functions_.Find(address);
  if (label == nullptr) return nullptr;
  // A sized function that lies between the label and the address ended before the address: what
  // follows it is not the label's.
  const auto* between = functions_.LastBeginningBy(address);
  return between != nullptr && between->low > label->low ? nullptr : label->value.name;
}

const char* SymbolTable::Object(uint64_t address, uint64_t* offset) const {
  const auto* object = objects_.Find(address);
  if (object == nullptr) return nullptr;
  *offset = address - object->low;
  return object->value.name;
}

}  // namespace perfagent

// symbol_table.h: the ELF symbols of one file, for questions by address.
//
// dwfl_module_addrinfo answers such questions by reading every symbol, and answers with the nearest
// symbol below when none contains the address: stripped libraries would show confident nonsense.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <string>

#include "analyzer/symbols/interval_table.h"

namespace perfagent {

class SymbolTable {
 public:
  // Reads .symtab (the file's own, or its debug file's), else .dynsym. `module` owns the names.
  explicit SymbolTable(Dwfl_Module* module);

  // The linker name of the function that contains the address in the file; null when none does. A
  // symbol without a size (hand-written assembly) reaches to the next symbol of its section, unless
  // the file is stripped: what follows may then be any function whose symbol was removed.
  const char* Function(uint64_t address) const;

  // The same for a static object, and how far into it the address is.
  const char* Object(uint64_t address, uint64_t* offset) const;

  bool HasFunctions() const { return !functions_.empty(); }

 private:
  struct Symbol {
    const char* name;
    int binding_rank;  // global 2, weak 1, local 0
  };
  using Table = IntervalTable<Symbol>;

  static bool IsBetterName(const Symbol& a, const Symbol& b);
  void Add(Dwfl_Module* module, int index);
  static void EndSizelessAtNextSymbol(Table* table);

  bool has_local_symbols_ = false;  // as in .symtab, other than in .dynsym
  Table functions_;
  Table unsized_functions_;  // consulted only where no sized symbol contains the address
  Table objects_;
};

}  // namespace perfagent

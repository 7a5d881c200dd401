// dwarf_index.h: an address in a file becomes functions, files, lines and inlined frames.
//
// libdw's own questions by address go through .debug_aranges, which clang does not write, and walk
// a whole unit each time. Here the units' ranges are read once, and a unit's functions once, when
// the first address in it is asked for; an address then costs two binary searches and a walk
// through one function. Most of a C++ unit is types, which are passed over, and read only when an
// address is in none of the other functions, or a function without linker name wants its scope.
//
// Debug information is hostile: entries may point back at themselves and nest without end. Walks go
// forward only (NextSibling) and to bounded depth.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/symbols/interval_table.h"

namespace perfagent {

struct CodeRange {
  uint64_t low;
  uint64_t high;
};

class DwarfIndex {
 public:
  struct Frame {
    std::string function;  // demangled; empty when unknown
    std::string file;      // empty when unknown
    int line = 0;
    bool inlined = false;
    bool has_parameters = false;  // function came from a linker name: "f(int)" rather than "f"
  };

  // `dwarf` outlives the index. `code` are the executable parts of the file: what debug information
  // says about other addresses is about functions that the linker dropped.
  DwarfIndex(Dwarf* dwarf, std::vector<CodeRange> code);
  ~DwarfIndex();

  // Innermost first; empty when no unit covers the address. A unit that knows the line but not the
  // function (assembly) gives one frame without function.
  std::vector<Frame> Find(uint64_t address);

 private:
  struct Unit;
  enum class Depth : uint8_t { kNamespaces, kWhole };
  struct Name {
    std::string text;
    bool has_parameters = false;
  };

  void ReadUnitRanges();
  template <typename Table, typename Value>
  void AddRanges(Dwarf_Die* die, Value value, Table* table);
  bool IsCode(uint64_t low, uint64_t high) const;

  Unit& UnitAt(const Dwarf_Die& unit_die);
  void ReadFunctions(Unit* unit);  // to its depth
  void ReadWhole(Unit* unit);
  const IntervalTable<Dwarf_Die>::Entry* FunctionAt(Unit* unit, uint64_t address);
  const Name& FunctionName(Dwarf_Die die);
  std::string QualifiedName(Dwarf_Die die);
  std::vector<Frame> FramesOf(Unit* unit, Dwarf_Die function, uint64_t address);

  Dwarf* dwarf_;
  std::vector<CodeRange> code_;
  size_t ranges_left_;
  IntervalTable<Dwarf_Die> unit_ranges_;
  std::unordered_map<const void*, std::unique_ptr<Unit>> units_;  // by the unit's first byte
  std::unordered_map<const void*, Name> names_;                   // by the entry's first byte
};

}  // namespace perfagent

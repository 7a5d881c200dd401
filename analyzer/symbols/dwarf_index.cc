#include "analyzer/symbols/dwarf_index.h"

#include <dwarf.h>

#include <utility>

#include "analyzer/symbols/demangle.h"

namespace perfagent {
namespace {

constexpr int kMaxDepth = 256;             // of entries within entries
constexpr int kMaxOrigins = 16;            // as libdw's dwarf_attr_integrate
constexpr size_t kMaxRanges = 32'000'000;  // of one file; a browser's has 3 million
constexpr uint32_t kNoScope = 0;

// False at the end, and where a damaged entry names an earlier one as its sibling.
bool NextSibling(Dwarf_Die* die) {
  Dwarf_Die next;
  if (dwarf_siblingof(die, &next) != 0 || dwarf_dieoffset(&next) <= dwarf_dieoffset(die)) {
    return false;
  }
  *die = next;
  return true;
}

bool FirstChild(Dwarf_Die* parent, Dwarf_Die* child) {
  return dwarf_child(parent, child) == 0 && dwarf_dieoffset(child) > dwarf_dieoffset(parent);
}

const char* StringOf(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

const char* LinkageName(Dwarf_Die* die) {
  const char* name = StringOf(die, DW_AT_linkage_name);
  return name != nullptr ? name : StringOf(die, DW_AT_MIPS_linkage_name);
}

// The entry that declares a function: an inlined or out-of-line copy refers to its abstract entry,
// and that one to the declaration in its class.
Dwarf_Die Declaration(Dwarf_Die die) {
  for (int i = 0; i < kMaxOrigins; ++i) {
    Dwarf_Attribute attribute;
    Dwarf_Die origin;
    if ((dwarf_attr(&die, DW_AT_abstract_origin, &attribute) == nullptr &&
         dwarf_attr(&die, DW_AT_specification, &attribute) == nullptr) ||
        dwarf_formref_die(&attribute, &origin) == nullptr) {
      break;
    }
    die = origin;
  }
  return die;
}

// Entries whose children are the functions that compilers put code into, nearly always.
bool IsNamespace(int tag) { return tag == DW_TAG_namespace || tag == DW_TAG_module; }

// Entries whose children may be functions, or types with member functions.
bool MayContainFunctions(int tag) {
  if (IsNamespace(tag)) return true;
  switch (tag) {
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
    case DW_TAG_catch_block:
    case DW_TAG_try_block:
      return true;
    default:
      return false;
  }
}

bool IsBlock(int tag) {
  return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

std::string ScopeName(Dwarf_Die* die, int tag) {
  const char* name = dwarf_diename(die);
  if (name != nullptr) return name;
  return tag == DW_TAG_namespace ? "(anonymous namespace)" : "{unnamed}";
}

// Appends the inlined calls of `scope` that contain the address, outermost first.
void AppendInlinedCalls(Dwarf_Die scope, uint64_t address, int depth,
                        std::vector<Dwarf_Die>* calls) {
  Dwarf_Die child;
  if (depth > kMaxDepth || !FirstChild(&scope, &child)) return;
  do {
    int tag = dwarf_tag(&child);
    bool is_call = tag == DW_TAG_inlined_subroutine;
    if ((!is_call && !IsBlock(tag)) || dwarf_haspc(&child, address) <= 0) continue;
    if (is_call) calls->push_back(child);
    return AppendInlinedCalls(child, address, depth + 1, calls);
  } while (NextSibling(&child));
}

int UnsignedAttribute(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value) != 0) return 0;
  return value <= INT32_MAX ? static_cast<int>(value) : 0;
}

void SetLineOf(Dwarf_Die* unit, uint64_t address, DwarfIndex::Frame* frame) {
  Dwarf_Line* line = dwarf_getsrc_die(unit, address);
  const char* file = dwarf_linesrc(line, nullptr, nullptr);
  if (file == nullptr) return;
  frame->file = file;
  dwarf_lineno(line, &frame->line);
}

void SetCallSite(Dwarf_Die* unit, Dwarf_Die* inlined_call, DwarfIndex::Frame* caller) {
  Dwarf_Files* files = nullptr;
  size_t count = 0;
  size_t index = UnsignedAttribute(inlined_call, DW_AT_call_file);
  if (dwarf_getsrcfiles(unit, &files, &count) != 0 || index >= count) return;
  const char* file = dwarf_filesrc(files, index, nullptr, nullptr);
  if (file == nullptr) return;
  caller->file = file;
  caller->line = UnsignedAttribute(inlined_call, DW_AT_call_line);
}

}  // namespace

// The functions of one unit, and where the declared ones stand.
struct DwarfIndex::Unit {
  struct Scope {
    std::string name;
    uint32_t parent;
  };

  Dwarf_Die die;
  Depth depth = Depth::kNamespaces;  // to which it was read
  IntervalTable<Dwarf_Die> functions;
  std::vector<Scope> scopes{{"", kNoScope}};
  // By the entry's first byte, for functions without linker name: nothing else says where they are.
  std::unordered_map<const void*, uint32_t> scope_of;
};

DwarfIndex::DwarfIndex(Dwarf* dwarf, std::vector<CodeRange> code)
    : dwarf_(dwarf), code_(std::move(code)), ranges_left_(kMaxRanges) {
  ReadUnitRanges();
}

DwarfIndex::~DwarfIndex() = default;

bool DwarfIndex::IsCode(uint64_t low, uint64_t high) const {
  for (const CodeRange& range : code_) {
    if (low >= range.low && high <= range.high) return true;
  }
  return false;
}

template <typename Table, typename Value>
void DwarfIndex::AddRanges(Dwarf_Die* die, Value value, Table* table) {
  Dwarf_Addr base = 0;
  Dwarf_Addr low = 0;
  Dwarf_Addr high = 0;
  ptrdiff_t at = 0;
  while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0 && ranges_left_ > 0) {
    --ranges_left_;
    if (IsCode(low, high)) table->Add(low, high, value);
  }
}

void DwarfIndex::ReadUnitRanges() {
  Dwarf_CU* unit = nullptr;
  uint8_t type = 0;
  Dwarf_Die die;
  // No split units (last argument): libdw would open whatever file the unit names.
  while (dwarf_get_units(dwarf_, unit, &unit, nullptr, &type, &die, nullptr) == 0) {
    if (type == DW_UT_compile || type == DW_UT_skeleton) AddRanges(&die, die, &unit_ranges_);
  }
  unit_ranges_.Sort();
}

DwarfIndex::Unit& DwarfIndex::UnitAt(const Dwarf_Die& unit_die) {
  std::unique_ptr<Unit>& unit = units_[unit_die.addr];
  if (unit == nullptr) {
    unit = std::make_unique<Unit>();
    unit->die = unit_die;
    ReadFunctions(unit.get());
  }
  return *unit;
}

void DwarfIndex::ReadWhole(Unit* unit) {
  if (unit->depth == Depth::kWhole) return;
  unit->depth = Depth::kWhole;
  unit->functions = {};
  unit->scopes.resize(1);
  unit->scope_of.clear();
  ReadFunctions(unit);
}

const IntervalTable<Dwarf_Die>::Entry* DwarfIndex::FunctionAt(Unit* unit, uint64_t address) {
  const auto* function = unit->functions.Find(address);
  if (function != nullptr || unit->depth == Depth::kWhole) return function;
  ReadWhole(unit);
  return unit->functions.Find(address);
}

// One pass over the unit, without recursion. Entries come in the order of the file; one that does
// not was reached through damage, and ends its chain.
void DwarfIndex::ReadFunctions(Unit* unit) {
  const bool whole = unit->depth == Depth::kWhole;
  struct Level {
    Dwarf_Die die;
    uint32_t scope;
  };
  std::vector<Level> levels;
  Dwarf_Off last = 0;
  Dwarf_Die first;
  if (FirstChild(&unit->die, &first)) levels.push_back({first, kNoScope});
  while (!levels.empty()) {
    auto [die, scope] = levels.back();
    Dwarf_Off offset = dwarf_dieoffset(&die);
    if (offset <= last || !NextSibling(&levels.back().die)) levels.pop_back();
    if (offset <= last) continue;
    last = offset;

    int tag = dwarf_tag(&die);
    if (tag == DW_TAG_subprogram) {
      AddRanges(&die, die, &unit->functions);
      if (!dwarf_hasattr(&die, DW_AT_linkage_name)) unit->scope_of[die.addr] = scope;
    }
    Dwarf_Die child;
    const bool enters = whole ? MayContainFunctions(tag) : IsNamespace(tag);
    if (levels.size() >= kMaxDepth || !enters || !FirstChild(&die, &child)) continue;
    if (!IsBlock(tag)) {
      unit->scopes.push_back({ScopeName(&die, tag), scope});
      scope = static_cast<uint32_t>(unit->scopes.size() - 1);
    }
    levels.push_back({child, scope});
  }
  unit->functions.Sort();
}

std::string DwarfIndex::QualifiedName(Dwarf_Die die) {
  const char* own_name = StringOf(&die, DW_AT_name);
  if (own_name == nullptr) return "";
  std::string name = own_name;
  Dwarf_Die declaration = Declaration(die);
  Dwarf_Die unit_die;
  if (dwarf_diecu(&declaration, &unit_die, nullptr, nullptr) == nullptr) return name;
  Unit& unit = UnitAt(unit_die);
  auto found = unit.scope_of.find(declaration.addr);
  if (found == unit.scope_of.end()) {
    ReadWhole(&unit);
    found = unit.scope_of.find(declaration.addr);
  }
  if (found == unit.scope_of.end()) return name;
  for (uint32_t scope = found->second; scope != kNoScope; scope = unit.scopes[scope].parent) {
    name = unit.scopes[scope].name + "::" + name;
  }
  return name;
}

const DwarfIndex::Name& DwarfIndex::FunctionName(Dwarf_Die die) {
  auto found = names_.find(die.addr);
  if (found != names_.end()) return found->second;
  Name name;
  if (const char* linkage_name = LinkageName(&die)) {
    name = {Demangle(linkage_name), true};
  } else {
    name = {QualifiedName(die), false};
  }
  return names_[die.addr] = std::move(name);
}

std::vector<DwarfIndex::Frame> DwarfIndex::FramesOf(Unit* unit, Dwarf_Die function,
                                                    uint64_t address) {
  std::vector<Dwarf_Die> scopes = {function};
  AppendInlinedCalls(function, address, 0, &scopes);
  std::vector<Frame> frames;
  for (size_t i = scopes.size(); i-- > 0;) {
    const Name& name = FunctionName(scopes[i]);
    Frame frame;
    frame.function = name.text;
    frame.has_parameters = name.has_parameters;
    frame.inlined = i > 0;
    if (i + 1 == scopes.size()) {
      SetLineOf(&unit->die, address, &frame);
    } else {
      SetCallSite(&unit->die, &scopes[i + 1], &frame);
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::vector<DwarfIndex::Frame> DwarfIndex::Find(uint64_t address) {
  Unit* unit = nullptr;
  const IntervalTable<Dwarf_Die>::Entry* function = nullptr;
  // Units may overlap (link-time optimization): the one with a function at the address knows more.
  unit_ranges_.Find(address, [&](const Dwarf_Die& die) {
    unit = &UnitAt(die);
    function = FunctionAt(unit, address);
    return function != nullptr;
  });
  if (unit == nullptr) return {};
  if (function != nullptr) return FramesOf(unit, function->value, address);
  Frame frame;
  SetLineOf(&unit->die, address, &frame);
  return {frame};
}

}  // namespace perfagent

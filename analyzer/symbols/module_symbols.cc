#include "analyzer/symbols/module_symbols.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "analyzer/symbols/demangle.h"

namespace perfagent {
namespace {

int FindNoElf(Dwfl_Module*, void**, const char*, Dwarf_Addr, char**, Elf**) { return -1; }

std::string BaseName(const std::string& path) {
  return path.empty() ? "[unnamed]" : path.substr(path.rfind('/') + 1);
}

std::vector<CodeRange> ExecutableSegments(Elf* elf) {
  std::vector<CodeRange> code;
  size_t count = 0;
  if (elf == nullptr || elf_getphdrnum(elf, &count) != 0) return code;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr) break;
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
      code.push_back({header.p_vaddr, header.p_vaddr + header.p_memsz});
    }
  }
  return code;
}

constexpr size_t kMaxNameBytes = 16384;  // as a demangled name's

// A hostile file may have one name of its own size, and show it at every address.
std::string Bounded(std::string name) {
  if (name.size() <= kMaxNameBytes) return name;
  name.resize(kMaxNameBytes);
  return name + "...";
}

// "memcpy@@GLIBC_2.14" in a .symtab is memcpy.
std::string FromLinkerName(std::string_view name) {
  return Demangle(Bounded(std::string(name.substr(0, name.find('@', 1)))));
}

// "/usr/lib/libx.so: /sysroot/usr/lib/libx.so is another build ..."
std::string Problem(const std::string& path, const FoundFile& file) {
  const bool elsewhere = file.path != path && file.is_another_build;
  return ShownName(path) + ": " + (elsewhere ? file.path + " " : "") + file.problem;
}

bool IsMangled(const char* name) {
  return strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0;
}

}  // namespace

std::string HexAddress(uint64_t address) {
  char text[32];
  snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(address));
  return text;
}

std::string OffsetName(const std::string& path, uint64_t address) {
  return BaseName(path) + "+" + HexAddress(address);
}

std::string ShownName(const std::string& path) { return path.empty() ? BaseName(path) : path; }

struct ModuleSymbols::ElfFile {
  explicit ElfFile(int descriptor)
      : fd(descriptor),
        elf(elf_begin(fd, ELF_C_READ, nullptr)),
        dwarf(dwarf_begin_elf(elf, DWARF_C_READ, nullptr)) {}
  ~ElfFile() {
    dwarf_end(dwarf);
    elf_end(elf);
    close(fd);
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  int fd;
  Elf* elf;
  Dwarf* dwarf;  // null when there is no debug information
};

ModuleSymbols::ModuleSymbols(const std::string& path, const std::string& build_id,
                             const SearchPaths& paths)
    : path_(path), paths_(paths) {
  Open(build_id);
}

ModuleSymbols::~ModuleSymbols() = default;

void ModuleSymbols::Open(const std::string& build_id) {
  FoundFile file = FindModuleFile(path_, build_id, paths_);
  file_ = file.path;
  build_id_ = file.build_id;
  if (file.fd < 0) {
    problem_ = Problem(path_, file);
  } else if (!Report(file.fd)) {
    problem_ = ShownName(path_) + ": damaged: " + dwfl_errmsg(-1);
    dwfl_.reset();
  } else {
    symbols_.emplace(module_);
    if (!symbols_->HasFunctions()) OpenDebugInformation();
    if (problem_.empty() && !symbols_->HasFunctions() && !dwarf_) {
      problem_ =
          ShownName(path_) + ": no symbols; install its debug package, or keep the unstripped file";
    }
  }
}

// The file at the addresses written in it. Takes over the descriptor.
bool ModuleSymbols::Report(int fd) {
  static const Dwfl_Callbacks kCallbacks = {FindNoElf, FindDebugInfo, dwfl_offline_section_address,
                                            nullptr};
  dwfl_.reset(dwfl_begin(&kCallbacks));
  if (dwfl_ != nullptr) {
    dwfl_report_begin(dwfl_.get());
    module_ = dwfl_report_elf(dwfl_.get(), "module", file_.c_str(), fd, /*base=*/0,
                              /*add_p_vaddr=*/true);
  }
  if (module_ == nullptr) {
    close(fd);
    return false;
  }
  void** userdata = nullptr;
  dwfl_module_info(module_, &userdata, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  *userdata = this;
  return dwfl_report_end(dwfl_.get(), nullptr, nullptr) == 0;
}

// When the first line is asked for: names of data and of functions alone need none of it.
void ModuleSymbols::OpenDebugInformation() {
  if (dwfl_ == nullptr || std::exchange(debug_information_is_open_, true)) return;
  Dwarf_Addr bias = 0;
  Dwarf* dwarf = dwfl_module_getdwarf(module_, &bias);
  if (dwarf == nullptr && !debug_problem_.empty()) {
    problem_ = ShownName(path_) + ": no lines: " + debug_problem_;
  }
  if (dwarf == nullptr || !OpenSharedDebugFile(dwarf)) return;
  dwarf_bias_ = bias;
  // Of the file that the debug information is in: its segments have the addresses of its entries.
  dwarf_.emplace(dwarf, ExecutableSegments(dwarf_getelf(dwarf)));
}

// False if the debug information refers to another file that is not there. libdw would open
// whatever lies at that path as soon as it meets a reference, so it must meet none.
bool ModuleSymbols::OpenSharedDebugFile(Dwarf* dwarf) {
  const char* link = nullptr;
  const void* id = nullptr;
  ssize_t id_size = dwelf_dwarf_gnu_debugaltlink(dwarf, &link, &id);
  if (id_size <= 0) return true;
  std::string build_id(static_cast<const char*>(id), id_size);
  const std::string& from = debug_file_.empty() ? file_ : debug_file_;
  FoundFile file = FindSharedDebugFile(link, build_id, from, paths_);
  if (file.fd >= 0) shared_debug_ = std::make_unique<ElfFile>(file.fd);
  if (shared_debug_ == nullptr || shared_debug_->dwarf == nullptr) {
    problem_ = ShownName(path_) + ": no lines: its debug information needs " + link + ", not found";
    return false;
  }
  dwarf_setalt(dwarf, shared_debug_->dwarf);
  return true;
}

int ModuleSymbols::FindDebugInfo(Dwfl_Module*, void** userdata, const char*, Dwarf_Addr,
                                 const char*, const char* link, GElf_Word link_crc,
                                 char** debug_file) {
  return static_cast<ModuleSymbols*>(*userdata)->OpenDebugFile(link, link_crc, debug_file);
}

int ModuleSymbols::OpenDebugFile(const char* link, uint32_t link_crc, char** debug_file) {
  // A name without checksum is how libdwfl asks for the shared file: see OpenSharedDebugFile.
  if (link != nullptr && link_crc == 0) return -1;
  DebugFileQuery query{file_, build_id_, link == nullptr ? "" : link, link_crc};
  FoundFile file = FindDebugFile(query, paths_);
  if (file.fd < 0) {
    if (file.is_another_build) debug_problem_ = file.path + " " + file.problem;
    return -1;
  }
  debug_file_ = file.path;
  *debug_file = strdup(file.path.c_str());
  return file.fd;
}

std::string ModuleSymbols::NameWithoutDebugInfo(uint64_t address) const {
  const char* symbol = symbols_ ? symbols_->Function(address) : nullptr;
  if (symbol != nullptr) return FromLinkerName(symbol);
  return OffsetName(path_, address);
}

std::vector<SourceFrame> ModuleSymbols::FindFrames(uint64_t address) {
  OpenDebugInformation();
  std::vector<DwarfIndex::Frame> found;
  if (dwarf_) found = dwarf_->Find(address - dwarf_bias_);
  if (found.empty()) found.emplace_back();
  // What was called, rather than inlined, has a linker name too. The debug information of a static
  // function has no other with parameters. Its clones ("f.isra.0", "f.cold") are f to the reader.
  DwarfIndex::Frame& outermost = found.back();
  const char* symbol = symbols_ ? symbols_->Function(address) : nullptr;
  if (!outermost.has_parameters && symbol != nullptr && IsMangled(symbol)) {
    size_t size = outermost.function.empty() ? strlen(symbol) : strcspn(symbol, ".");
    outermost.function = FromLinkerName({symbol, size});
  }
  std::vector<SourceFrame> frames;
  for (DwarfIndex::Frame& frame : found) {
    if (frame.function.empty()) frame.function = NameWithoutDebugInfo(address);
    frames.push_back({Bounded(std::move(frame.function)), Bounded(std::move(frame.file)),
                      frame.line, path_, frame.inlined});
  }
  return frames;
}

const std::vector<SourceFrame>& ModuleSymbols::Resolve(uint64_t address) {
  auto found = cache_.find(address);
  if (found == cache_.end()) found = cache_.emplace(address, FindFrames(address)).first;
  return found->second;
}

std::string ModuleSymbols::SymbolName(uint64_t address) const {
  const char* symbol = symbols_ ? symbols_->Function(address) : nullptr;
  return symbol == nullptr ? "" : FromLinkerName(symbol);
}

std::string ModuleSymbols::ResolveData(uint64_t address) const {
  uint64_t offset = 0;
  const char* symbol = symbols_ ? symbols_->Object(address, &offset) : nullptr;
  if (symbol == nullptr) return "";
  return offset == 0 ? FromLinkerName(symbol) : FromLinkerName(symbol) + "+" + HexAddress(offset);
}

}  // namespace perfagent

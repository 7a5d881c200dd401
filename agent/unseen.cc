#include "agent/unseen.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <string_view>

#include "agent/clock.h"
#include "agent/modules.h"
#include "agent/readable.h"
#include "agent/sampler.h"

namespace perfagent::unseen {

namespace {

// An object's dynamic section, as far as bindings need it.
struct Bindings {
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const ElfW(Rela) * calls = nullptr;
  size_t calls_bytes = 0;
  const ElfW(Rela) * data = nullptr;
  size_t data_bytes = 0;
};

// The loader has made the section's addresses absolute, but for objects it did not load (the vDSO).
template <typename T>
const T* AddressOf(const link_map* map, const ElfW(Dyn) & entry) {
  const ElfW(Addr) value = entry.d_un.d_ptr;
  return reinterpret_cast<const T*>(value < map->l_addr ? map->l_addr + value : value);
}

Bindings BindingsOf(const link_map* map) {
  Bindings b;
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        b.symbols = AddressOf<ElfW(Sym)>(map, *entry);
        break;
      case DT_STRTAB:
        b.strings = AddressOf<char>(map, *entry);
        break;
      case DT_JMPREL:
        b.calls = AddressOf<ElfW(Rela)>(map, *entry);
        break;
      case DT_PLTRELSZ:
        b.calls_bytes = entry->d_un.d_val;
        break;
      case DT_RELA:
        b.data = AddressOf<ElfW(Rela)>(map, *entry);
        break;
      case DT_RELASZ:
        b.data_bytes = entry->d_un.d_val;
        break;
      default:
        break;
    }
  }
  return b;
}

const link_map* ObjectAt(uint64_t address) {
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return nullptr;
  return found.dlfo_link_map;
}

bool IsAllocation(std::string_view name) {
  return name == "malloc" || name == "calloc" || name == "realloc" || name == "free";
}

// Is one of the allocation functions in this relocation table bound to somebody else's? A slot that points into the object
// itself was not used yet, or is the object's own affair.
bool AnyBoundPast(const link_map* map, const Bindings& b, const ElfW(Rela) * table, size_t bytes) {
  if (table == nullptr || b.symbols == nullptr || b.strings == nullptr) return false;
  for (size_t i = 0; i < bytes / sizeof *table; ++i) {
    const unsigned type = ELF64_R_TYPE(table[i].r_info);
    if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
    const ElfW(Sym)& symbol = b.symbols[ELF64_R_SYM(table[i].r_info)];
    if (!IsAllocation(b.strings + symbol.st_name)) continue;
    const uint64_t target = *reinterpret_cast<const uint64_t*>(map->l_addr + table[i].r_offset);
    const link_map* bound = ObjectAt(target);
    if (bound != nullptr && bound != map && !modules::IsAgent(target)) return true;
  }
  return false;
}

bool IsUnseen(const link_map* map) {
  if (map->l_ld == nullptr) return false;
  const Bindings b = BindingsOf(map);
  return AnyBoundPast(map, b, b.calls, b.calls_bytes) || AnyBoundPast(map, b, b.data, b.data_bytes);
}

// Names already written. A program with more has some named twice.
constexpr size_t kMostNames = 64;
uint64_t named[kMostNames];
size_t names;

bool IsNew(std::string_view path) {
  uint64_t hash = path.size();
  for (const char c : path) hash = sampler::Scramble(hash ^ static_cast<uint8_t>(c));
  for (size_t i = 0; i < names; ++i) {
    if (named[i] == hash) return false;
  }
  if (names < kMostNames) named[names++] = hash;
  return true;
}

void Report(Stream* stream, const link_map* map) {
  const std::string_view path = map->l_name;
  if (path.empty() || !IsUnseen(map) || !IsNew(path)) return;
  stream->PutSized(UnseenRecord{clock::Now(), path}, MaxTextRecord(path.size()));
}

// glibc lists further namespaces behind the first (struct r_debug_extended, since 2.35).
int ReportNamespaces(dl_phdr_info*, size_t, void* stream) {
  constexpr int kHasNamespaces = 2;
  const auto* space = reinterpret_cast<const r_debug_extended*>(&_r_debug);
  const bool further = _r_debug.r_version >= kHasNamespaces;
  for (; space != nullptr; space = further ? space->r_next : nullptr) {
    for (const link_map* map = space->base.r_map; map != nullptr; map = map->l_next) {
      Report(static_cast<Stream*>(stream), map);
    }
  }
  return 1;  // called for one object: all were seen
}

}  // namespace

void ReportHandle(Stream* stream, void* handle) {
  const auto* map = static_cast<const link_map*>(handle);
  // A handle that is none is the guest's mistake, and libc's to answer.
  if (!Readable(map, sizeof *map) || map->l_ld == nullptr ||
      ObjectAt(reinterpret_cast<uint64_t>(map->l_ld)) != map) {
    return;
  }
  Report(stream, map);
}

void ReportAll(Stream* stream) {
  // For its lock: while it calls back, no object comes or goes. exit waits for the loader anyway.
  dl_iterate_phdr(ReportNamespaces, stream);
}

void Forget() { names = 0; }

}  // namespace perfagent::unseen

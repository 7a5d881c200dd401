#include "agent/modules.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstring>

#include "agent/clock.h"
#include "agent/process.h"
#include "agent/readable.h"
#include "agent/sys.h"
#include "agent/text.h"

namespace perfagent::modules {

namespace {

enum class State : uint32_t { kFree = 0, kLoaded = 1, kGone = 2 };

struct Entry {
  uint64_t start;
  uint64_t end;
  const link_map* map;
  std::atomic<State> state;
};

// A program that loads more objects than this one after the other has some unnamed; they are counted.
constexpr size_t kMostEntries = 1 << 14;

Entry* entries;
std::atomic<uint32_t> entry_count;
std::atomic<uint64_t> epoch;
uint64_t agent_start, agent_end;

bool FindObject(uint64_t address, dl_find_object* out) {
  return _dl_find_object(reinterpret_cast<void*>(address), out) == 0;
}

uint32_t EntryCount() {
  const uint32_t count = entry_count.load(std::memory_order_acquire);
  return count < kMostEntries ? count : kMostEntries;
}

bool Known(uint64_t address) {
  const uint32_t count = EntryCount();
  for (uint32_t i = 0; i < count; ++i) {
    const Entry& entry = entries[i];
    if (entry.state.load(std::memory_order_acquire) == State::kLoaded && address >= entry.start &&
        address < entry.end) {
      return true;
    }
  }
  return false;
}

// The build id in the notes of a mapped object; empty when it has none. The ELF header is at the start of the mapping.
std::string_view BuildIdOf(uint64_t start, uint64_t bias) {
  const auto* elf = reinterpret_cast<const ElfW(Ehdr)*>(start);
  if (!Readable(start) || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0) return {};
  const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(start + elf->e_phoff);
  for (size_t i = 0; i < elf->e_phnum; ++i) {
    if (headers[i].p_type != PT_NOTE) continue;
    const char* at = reinterpret_cast<const char*>(bias + headers[i].p_vaddr);
    const char* end = at + headers[i].p_memsz;
    const size_t align = headers[i].p_align == 8 ? 8 : 4;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      memcpy(&note, at, sizeof note);
      const char* name = at + sizeof note;
      const char* content = name + ((note.n_namesz + align - 1) & ~(align - 1));
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
        return {content, note.n_descsz};
      }
      at = content + ((note.n_descsz + align - 1) & ~(align - 1));
    }
  }
  return {};
}

// The loader's name for the main program is empty, and a library's may be relative to the directory it was loaded from.
std::string_view PathOf(const link_map* map, PathText* buffer) {
  const std::string_view name = map->l_name;
  if (name.empty()) return process::Current().executable;
  if (name[0] == '/' || name.find('/') == std::string_view::npos) return name;
  buffer->Clear();
  *buffer << process::Current().working_directory << "/" << name;
  return buffer->view();
}

void Describe(Stream* stream, const Entry& entry) {
  const std::string_view path = PathOf(entry.map, &stream->path);
  const std::string_view build_id = BuildIdOf(entry.start, entry.map->l_addr);
  const ModuleLoadRecord record = {clock::Now(),      Epoch(),  entry.start, entry.end,
                                   entry.map->l_addr, build_id, path};
  stream->PutSized(record, MaxTextRecord(build_id.size() + path.size()));
}

bool StillThere(const Entry& entry) {
  dl_find_object found;
  return FindObject(entry.start, &found) && found.dlfo_link_map == entry.map &&
         reinterpret_cast<uint64_t>(found.dlfo_map_start) == entry.start;
}

}  // namespace

bool Start() {
  entries = static_cast<Entry*>(sys::Reserve(kMostEntries * sizeof(Entry)));
  if (entries == nullptr) return false;
  dl_find_object self;
  if (FindObject(reinterpret_cast<uint64_t>(&Start), &self)) {
    agent_start = reinterpret_cast<uint64_t>(self.dlfo_map_start);
    agent_end = reinterpret_cast<uint64_t>(self.dlfo_map_end);
  }
  return true;
}

void Forget() { entry_count.store(0); }

uint64_t Epoch() { return epoch.load(std::memory_order_acquire); }

bool IsAgent(uint64_t address) { return address - agent_start < agent_end - agent_start; }

void Note(Stream* stream, uint64_t address) {
  if (Known(address)) return;
  dl_find_object found;
  if (!FindObject(address, &found)) return;  // generated code, or no code at all
  const uint32_t index = entry_count.fetch_add(1);
  if (index >= kMostEntries) {
    entry_count.store(kMostEntries);
    counters::Add(Loss::kModuleTableFull);
    return;
  }
  Entry& entry = entries[index];
  entry.start = reinterpret_cast<uint64_t>(found.dlfo_map_start);
  entry.end = reinterpret_cast<uint64_t>(found.dlfo_map_end);
  entry.map = found.dlfo_link_map;
  // Before it is known: a handler may leave this by longjmp, and then the next thread that meets the object describes it.
  Describe(stream, entry);
  entry.state.store(State::kLoaded, std::memory_order_release);
}

void Sweep(Stream* stream) {
  const uint32_t count = EntryCount();
  for (uint32_t i = 0; i < count; ++i) {
    Entry& entry = entries[i];
    if (entry.state.load(std::memory_order_acquire) != State::kLoaded || StillThere(entry))
      continue;
    State loaded = State::kLoaded;
    if (!entry.state.compare_exchange_strong(loaded, State::kGone)) continue;
    const uint64_t next_epoch = epoch.fetch_add(1) + 1;
    stream->Put(ModuleUnloadRecord{clock::Now(), next_epoch, entry.start});
  }
}

}  // namespace perfagent::modules

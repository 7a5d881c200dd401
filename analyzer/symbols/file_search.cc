#include "analyzer/symbols/file_search.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "analyzer/dump/regular_file.h"

namespace perfagent {
namespace {

constexpr char kSystemDebugPath[] = "/usr/lib/debug";

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

std::vector<std::string> WithSystemPath(std::vector<std::string> debug_paths) {
  debug_paths.push_back(kSystemDebugPath);
  return debug_paths;
}

FoundFile Open(const std::string& path) {
  FoundFile found;
  found.path = path;
  if (path.empty() || path.find('\0') != std::string::npos) {
    found.problem = "no file is recorded for it";
    return found;
  }
  RegularFile file = OpenRegularFile(path);
  found.fd = file.fd;
  found.size_bytes = file.size_bytes;
  found.problem = file.problem;
  return found;
}

void Reject(FoundFile* file, std::string problem) {
  if (file->fd >= 0) close(file->fd);
  file->fd = -1;
  file->problem = std::move(problem);
}

ElfHandle OpenElf(int fd) {
  elf_version(EV_CURRENT);
  return ElfHandle(elf_begin(fd, ELF_C_READ, nullptr));
}

bool IsProgramOrLibrary(Elf* elf) {
  GElf_Ehdr header;
  return elf != nullptr && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) != nullptr &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
         header.e_machine == EM_X86_64 && (header.e_type == ET_EXEC || header.e_type == ET_DYN);
}

std::string BuildIdOf(Elf* elf) {
  const void* bytes = nullptr;
  ssize_t size = dwelf_elf_gnu_build_id(elf, &bytes);
  return size > 0 ? std::string(static_cast<const char*>(bytes), size) : std::string();
}

std::string Hex(const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string BuildIdProblem(const std::string& recorded, const std::string& actual) {
  if (actual.empty()) return "has no build id, recorded was " + Hex(recorded);
  return "is another build: its build id is " + Hex(actual) + ", recorded was " + Hex(recorded);
}

// Opens `path` if it is an x86-64 ELF file with this build id (an empty one accepts any).
FoundFile OpenWithBuildId(const std::string& path, const std::string& build_id) {
  FoundFile file = Open(path);
  if (file.fd < 0) return file;
  ElfHandle elf = OpenElf(file.fd);
  if (!IsProgramOrLibrary(elf.get())) {
    Reject(&file, "not an x86-64 program or library");
    return file;
  }
  file.build_id = BuildIdOf(elf.get());
  if (!build_id.empty() && file.build_id != build_id) {
    Reject(&file, BuildIdProblem(build_id, file.build_id));
  }
  return file;
}

// DIR/.build-id/12/3456...SUFFIX
std::string BuildIdPath(const std::string& directory, const std::string& build_id,
                        const char* suffix) {
  std::string hex = Hex(build_id);
  return directory + "/.build-id/" + hex.substr(0, 2) + "/" + hex.substr(2) + suffix;
}

std::string DirectoryOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string BaseOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

FoundFile FirstWithBuildId(const std::vector<std::string>& candidates,
                           const std::string& build_id) {
  for (const std::string& candidate : candidates) {
    FoundFile file = OpenWithBuildId(candidate, build_id);
    if (file.fd >= 0) return file;
  }
  return {};
}

// The CRC-32 of zlib and .gnu_debuglink.
constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    table[i] = crc;
  }
  return table;
}();

// Of the bytes that the file had when it was opened: it may grow faster than it is read.
bool HasCrc(const FoundFile& file, uint32_t expected) {
  uint32_t crc = ~0u;
  std::vector<unsigned char> buffer(1 << 16);
  uint64_t offset = 0;
  while (offset < file.size_bytes) {
    ssize_t size = pread(file.fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (size <= 0) return false;
    for (ssize_t i = 0; i < size; ++i) crc = kCrcTable[(crc ^ buffer[i]) & 0xff] ^ (crc >> 8);
    offset += static_cast<uint64_t>(size);
  }
  return ~crc == expected;
}

// A build id on both sides decides; the checksum, which reads the whole file, only without one.
bool BelongsTo(const FoundFile& file, const DebugFileQuery& query) {
  ElfHandle elf = OpenElf(file.fd);
  if (!IsProgramOrLibrary(elf.get())) return false;
  std::string build_id = BuildIdOf(elf.get());
  if (!build_id.empty() && !query.build_id.empty()) return build_id == query.build_id;
  return HasCrc(file, query.link_crc);
}

std::vector<std::string> DebugLinkCandidates(const DebugFileQuery& query,
                                             const std::vector<std::string>& debug_paths) {
  std::string name = BaseOf(query.link);  // the name of a file, by specification: no ../../..
  std::string directory = DirectoryOf(query.module_path);
  std::vector<std::string> candidates = {directory + "/" + name, directory + "/.debug/" + name};
  for (const std::string& path : debug_paths) {
    if (directory[0] == '/') candidates.push_back(path + directory + "/" + name);
    candidates.push_back(path + "/" + name);
  }
  return candidates;
}

FoundFile FindByDebugLink(const DebugFileQuery& query,
                          const std::vector<std::string>& debug_paths) {
  for (const std::string& candidate : DebugLinkCandidates(query, debug_paths)) {
    if (candidate == query.module_path) continue;
    FoundFile file = Open(candidate);
    if (file.fd >= 0 && BelongsTo(file, query)) return file;
    Reject(&file, "");
  }
  return {};
}

}  // namespace

FoundFile FindModuleFile(const std::string& path, const std::string& build_id,
                         const std::vector<std::string>& debug_paths) {
  FoundFile recorded = OpenWithBuildId(path, build_id);
  if (recorded.fd >= 0 || build_id.empty()) return recorded;
  std::vector<std::string> candidates;
  for (const std::string& directory : WithSystemPath(debug_paths)) {
    candidates.push_back(BuildIdPath(directory, build_id, ""));
    if (!path.empty()) candidates.push_back(directory + "/" + BaseOf(path));
    candidates.push_back(BuildIdPath(directory, build_id, ".debug"));
  }
  FoundFile other = FirstWithBuildId(candidates, build_id);
  return other.fd >= 0 ? other : recorded;
}

FoundFile FindDebugFile(const DebugFileQuery& query, const std::vector<std::string>& debug_paths) {
  std::vector<std::string> directories = WithSystemPath(debug_paths);
  if (!query.build_id.empty()) {
    std::vector<std::string> candidates;
    candidates.reserve(directories.size());
    for (const std::string& directory : directories) {
      candidates.push_back(BuildIdPath(directory, query.build_id, ".debug"));
    }
    FoundFile file = FirstWithBuildId(candidates, query.build_id);
    if (file.fd >= 0) return file;
  }
  return query.link.empty() ? FoundFile() : FindByDebugLink(query, directories);
}

FoundFile FindSharedDebugFile(const std::string& link, const std::string& build_id,
                              const std::string& debug_file,
                              const std::vector<std::string>& debug_paths) {
  if (build_id.empty()) return {};
  std::vector<std::string> candidates;
  for (const std::string& directory : WithSystemPath(debug_paths)) {
    candidates.push_back(BuildIdPath(directory, build_id, ".debug"));
    candidates.push_back(directory + "/.dwz/" + BaseOf(link));
  }
  candidates.push_back(link[0] == '/' ? link : DirectoryOf(debug_file) + "/" + link);
  return FirstWithBuildId(candidates, build_id);
}

}  // namespace perfagent

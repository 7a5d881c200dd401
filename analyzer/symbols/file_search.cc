#include "analyzer/symbols/file_search.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "analyzer/dump/regular_file.h"
#include "analyzer/symbols/debuginfod.h"

namespace perfagent {
namespace {

constexpr char kSystemDebugPath[] = "/usr/lib/debug";

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

std::vector<std::string> DebugDirectories(const SearchPaths& paths) {
  std::vector<std::string> directories = paths.debug_paths;
  if (!paths.sysroot.empty()) directories.push_back(paths.sysroot + kSystemDebugPath);
  directories.push_back(kSystemDebugPath);
  return directories;
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

// Leaves `file` open if it is an x86-64 ELF file with this build id (an empty one accepts any).
FoundFile CheckBuildId(FoundFile file, const std::string& build_id) {
  if (file.fd < 0) return file;
  ElfHandle elf = OpenElf(file.fd);
  if (!IsProgramOrLibrary(elf.get())) {
    Reject(&file, "not an x86-64 program or library");
    return file;
  }
  file.build_id = BuildIdOf(elf.get());
  if (!build_id.empty() && file.build_id != build_id) {
    Reject(&file, BuildIdProblem(build_id, file.build_id));
    file.is_another_build = true;
  }
  return file;
}

FoundFile OpenWithBuildId(const std::string& path, const std::string& build_id) {
  return CheckBuildId(Open(path), build_id);
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

// The first that has it. None: the first that is another build, if there is one.
FoundFile FirstWithBuildId(const std::vector<std::string>& candidates,
                           const std::string& build_id) {
  FoundFile other;
  for (const std::string& candidate : candidates) {
    FoundFile file = OpenWithBuildId(candidate, build_id);
    if (file.fd >= 0) return file;
    if (file.is_another_build && !other.is_another_build) other = std::move(file);
  }
  return other;
}

FoundFile FromServers(const std::string& build_id, const SearchPaths& paths) {
  FoundFile file;
  if (!paths.debuginfod) return file;
  std::string path;
  const int fd = FetchDebugFile(build_id, &path);
  if (fd < 0) return file;
  close(fd);  // opened again, as any other file is
  return OpenWithBuildId(path, build_id);
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

// A build id on both sides decides; the checksum, which reads the whole file, only without one. Closes what
// does not belong to the module.
FoundFile CheckDebugLink(FoundFile file, const DebugFileQuery& query) {
  ElfHandle elf = file.fd < 0 ? nullptr : OpenElf(file.fd);
  if (!IsProgramOrLibrary(elf.get())) {
    Reject(&file, "not an x86-64 program or library");
    return file;
  }
  file.build_id = BuildIdOf(elf.get());
  if (!file.build_id.empty() && !query.build_id.empty()) {
    return CheckBuildId(std::move(file), query.build_id);
  }
  if (!HasCrc(file, query.link_crc)) {
    Reject(&file, "is another build: its checksum is not the one in the debug link");
    file.is_another_build = true;
  }
  return file;
}

std::vector<std::string> DebugLinkCandidates(const DebugFileQuery& query,
                                             const SearchPaths& paths) {
  std::string name = BaseOf(query.link);  // the name of a file, by specification: no ../../..
  std::string directory = DirectoryOf(query.module_path);
  std::vector<std::string> candidates = {directory + "/" + name, directory + "/.debug/" + name};
  // Debug directories mirror the recorded machine.
  if (!paths.sysroot.empty() && directory.rfind(paths.sysroot + "/", 0) == 0) {
    directory.erase(0, paths.sysroot.size());
  }
  for (const std::string& path : DebugDirectories(paths)) {
    if (directory[0] == '/') candidates.push_back(path + directory + "/" + name);
    candidates.push_back(path + "/" + name);
  }
  return candidates;
}

FoundFile FindByDebugLink(const DebugFileQuery& query, const SearchPaths& paths) {
  FoundFile other;
  for (const std::string& candidate : DebugLinkCandidates(query, paths)) {
    if (candidate == query.module_path) continue;
    FoundFile file = CheckDebugLink(Open(candidate), query);
    if (file.fd >= 0) return file;
    if (file.is_another_build && !other.is_another_build) other = std::move(file);
  }
  return other;
}

}  // namespace

FoundFile FindModuleFile(const std::string& path, const std::string& build_id,
                         const SearchPaths& paths) {
  FoundFile below;
  if (!paths.sysroot.empty() && !path.empty()) {
    const char* separator = path[0] == '/' ? "" : "/";
    below = OpenWithBuildId(paths.sysroot + separator + path, build_id);
    if (below.fd >= 0) return below;
  }
  FoundFile recorded = OpenWithBuildId(path, build_id);
  if (recorded.fd >= 0 || build_id.empty()) return recorded;
  std::vector<std::string> candidates;
  for (const std::string& directory : DebugDirectories(paths)) {
    candidates.push_back(BuildIdPath(directory, build_id, ""));
    if (!path.empty()) candidates.push_back(directory + "/" + BaseOf(path));
    candidates.push_back(BuildIdPath(directory, build_id, ".debug"));
  }
  FoundFile other = FirstWithBuildId(candidates, build_id);
  if (other.fd >= 0) return other;
  FoundFile fetched = FromServers(build_id, paths);
  if (fetched.fd >= 0) return fetched;
  // What the user pointed at says more than what happens to lie here.
  for (FoundFile* file : {&below, &recorded, &other}) {
    if (file->is_another_build) return std::move(*file);
  }
  return recorded;
}

FoundFile FindDebugFile(const DebugFileQuery& query, const SearchPaths& paths) {
  FoundFile by_build_id;
  if (!query.build_id.empty()) {
    std::vector<std::string> candidates;
    for (const std::string& directory : DebugDirectories(paths)) {
      candidates.push_back(BuildIdPath(directory, query.build_id, ".debug"));
    }
    by_build_id = FirstWithBuildId(candidates, query.build_id);
    if (by_build_id.fd >= 0) return by_build_id;
  }
  FoundFile by_link;
  if (!query.link.empty()) by_link = FindByDebugLink(query, paths);
  if (by_link.fd >= 0) return by_link;
  FoundFile fetched = FromServers(query.build_id, paths);
  if (fetched.fd >= 0) return fetched;
  return by_build_id.is_another_build ? by_build_id : by_link;
}

FoundFile FindSharedDebugFile(const std::string& link, const std::string& build_id,
                              const std::string& debug_file, const SearchPaths& paths) {
  if (build_id.empty()) return {};
  std::vector<std::string> candidates;
  for (const std::string& directory : DebugDirectories(paths)) {
    candidates.push_back(BuildIdPath(directory, build_id, ".debug"));
    candidates.push_back(directory + "/.dwz/" + BaseOf(link));
  }
  candidates.push_back(link[0] == '/' ? link : DirectoryOf(debug_file) + "/" + link);
  FoundFile found = FirstWithBuildId(candidates, build_id);
  return found.fd >= 0 ? found : FromServers(build_id, paths);
}

}  // namespace perfagent

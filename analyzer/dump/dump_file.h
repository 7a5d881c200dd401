// dump_file.h: an open dump whose header page is sound.
//
// The file is read with pread and never mapped: the process that writes it may trim it at any
// moment, and a mapping would then raise SIGBUS here.
//
// Threads: after Open, const members may be called from any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "perfagent/dump_format.h"

namespace perfagent {

class DumpFile {
 public:
  // On failure returns nullopt, and *error is one line that names the file, what was expected and
  // what was found.
  static std::optional<DumpFile> Open(const std::string& path, std::string* error);
  // True when `path` is a regular file that begins with a dump's magic.
  static bool LooksLikeDump(const std::string& path);

  ~DumpFile();
  DumpFile(DumpFile&& other) noexcept;
  DumpFile& operator=(DumpFile&&) = delete;

  const std::string& path() const { return path_; }
  const HeaderPage& header() const { return *header_; }
  // Of a process that runs, what has changed since: the fields that do.
  void ReadLiveFieldsAgain();
  uint64_t size_bytes() const { return size_bytes_; }
  dev_t device() const { return device_; }
  ino_t inode() const { return inode_; }

  // Segments that were claimed and for which the file had room at creation.
  uint32_t ClaimedSegments() const;

  // Bytes read: fewer than asked for at the end of the file or on a read error.
  size_t ReadAt(uint64_t offset, std::span<uint8_t> into) const;
  // The first offset at or after `offset` that is not in a hole; size_bytes() when there is none.
  uint64_t NextData(uint64_t offset) const;

 private:
  DumpFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string ReadHeader();

  std::string path_;
  int fd_;
  uint64_t size_bytes_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::unique_ptr<HeaderPage> header_ = std::make_unique<HeaderPage>();
};

constexpr uint64_t SegmentOffset(uint64_t index) { return kHeaderBytes + index * kSegmentBytes; }

}  // namespace perfagent

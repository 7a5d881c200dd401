#include "analyzer/dump/dump_file.h"

#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/dump/regular_file.h"

namespace perfagent {
namespace {

std::string Hex(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

bool IsText(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) {
    return (byte >= 0x20 && byte != 0x7f) || (byte >= '\t' && byte <= '\r');
  });
}

// What is wrong with a header whose magic is right; empty when nothing is.
std::string CheckHeader(const HeaderPage& header) {
  if (header.version_major != kVersionMajor) {
    return absl::StrCat("dump format ", header.version_major, ".", header.version_minor,
                        ", this analyzer reads ", kVersionMajor, ".x");
  }
  if (header.machine != kMachineX86_64) {
    return absl::StrCat("recorded on machine type ", header.machine, ", this analyzer reads ",
                        kMachineX86_64, " (x86-64)");
  }
  const uint64_t checksum = XXH3_64bits(&header, offsetof(HeaderPage, checksum));
  if (checksum != header.checksum) {
    return absl::StrCat("header checksum ", Hex(checksum), ", expected ", Hex(header.checksum));
  }
  if (header.header_bytes != kHeaderBytes || header.segment_bytes != kSegmentBytes) {
    return absl::StrCat("header of ", header.header_bytes, " and segments of ",
                        header.segment_bytes, " bytes, expected ", kHeaderBytes, " and ",
                        kSegmentBytes);
  }
  if (header.mode != Mode::kSample && header.mode != Mode::kFull) {
    return absl::StrCat("mode ", static_cast<uint32_t>(header.mode), ", expected 1 or 2");
  }
  if (header.clock != Clock::kMonotonic && header.clock != Clock::kTsc) {
    return absl::StrCat("clock ", static_cast<uint32_t>(header.clock), ", expected 1 or 2");
  }
  return "";
}

}  // namespace

std::optional<DumpFile> DumpFile::Open(const std::string& path, std::string* error) {
  const RegularFile opened = OpenRegularFile(path);
  if (opened.fd < 0) {
    *error = absl::StrCat(path, ": ", opened.problem);
    return std::nullopt;
  }
  DumpFile file(path, opened.fd);
  const std::string problem = file.ReadHeader();
  if (!problem.empty()) {
    *error = absl::StrCat(path, ": ", problem);
    return std::nullopt;
  }
  return file;
}

bool DumpFile::LooksLikeDump(const std::string& path) {
  const RegularFile opened = OpenRegularFile(path);
  if (opened.fd < 0) return false;
  const DumpFile file(path, opened.fd);
  uint64_t magic = 0;
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(&magic), sizeof magic);
  return file.ReadAt(0, bytes) == bytes.size() && magic == kDumpMagic;
}

DumpFile::~DumpFile() {
  if (fd_ >= 0) close(fd_);
}

DumpFile::DumpFile(DumpFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_bytes_(other.size_bytes_),
      device_(other.device_),
      inode_(other.inode_),
      header_(std::move(other.header_)) {}

std::string DumpFile::ReadHeader() {
  struct stat status;
  if (fstat(fd_, &status) != 0) return strerror(errno);
  size_bytes_ = static_cast<uint64_t>(status.st_size);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  if (size_bytes_ == 0) return "is empty";

  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(header_.get()), sizeof(HeaderPage));
  const size_t size = ReadAt(0, bytes);
  if (size < sizeof kDumpMagic || header_->magic != kDumpMagic) {
    return IsText(bytes.first(size)) ? "is a text file, not a dump" : "is not a dump";
  }
  if (size_bytes_ < kHeaderBytes || size < sizeof(HeaderPage)) {
    return absl::StrCat("header ends at ", std::min<uint64_t>(size_bytes_, kHeaderBytes),
                        " bytes, expected ", kHeaderBytes);
  }
  return CheckHeader(*header_);
}

void DumpFile::ReadLiveFieldsAgain() {
  constexpr size_t kBegin = offsetof(HeaderPage, segments_claimed);
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(header_.get()), sizeof(HeaderPage));
  ReadAt(kBegin, bytes.subspan(kBegin));
}

uint32_t DumpFile::ClaimedSegments() const {
  const uint64_t room =
      header_->file_bytes < kHeaderBytes ? 0 : (header_->file_bytes - kHeaderBytes) / kSegmentBytes;
  return static_cast<uint32_t>(
      std::min<uint64_t>(header_->segments_claimed & ~kSegmentsClosed, room));
}

size_t DumpFile::ReadAt(uint64_t offset, std::span<uint8_t> into) const {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t got =
        pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

uint64_t DumpFile::NextData(uint64_t offset) const {
  if (offset >= size_bytes_) return size_bytes_;
  const off_t data = lseek(fd_, static_cast<off_t>(offset), SEEK_DATA);
  if (data >= 0) return static_cast<uint64_t>(data);
  return errno == ENXIO ? size_bytes_ : offset;  // other errors: a file system without holes
}

}  // namespace perfagent

#include "analyzer/dump/checked_segment.h"

#include <cstring>

#include "absl/strings/str_cat.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace perfagent {
namespace {

std::string Hex(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

// What a sealed segment's checksum says; empty when it holds or cannot be computed.
std::string SealProblem(std::span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(SegmentHeader)) return "";
  const PlainHeader header = HeaderOf(bytes);
  const std::span<const uint8_t> payload = bytes.subspan(sizeof(SegmentHeader));
  if (header.sealed == 0 || header.committed > payload.size()) return "";
  const uint64_t found = XXH3_64bits(payload.data(), header.committed);
  if (found == header.checksum) return "";
  return absl::StrCat("segment checksum ", Hex(found), ", expected ", Hex(header.checksum));
}

}  // namespace

PlainHeader HeaderOf(std::span<const uint8_t> bytes) {
  PlainHeader header;
  memcpy(&header, bytes.data(), sizeof header);
  return header;
}

CheckedSegment::CheckedSegment(const DumpFile& file, uint64_t offset, std::span<uint8_t> buffer) {
  Read(file, offset, buffer);
  // The writer may have sealed the segment between the reads of its length and of its seal.
  if (!SealProblem(bytes_).empty()) Read(file, offset, buffer);
  if (IsPresent()) problem_ = FindProblem();
}

void CheckedSegment::Read(const DumpFile& file, uint64_t offset, std::span<uint8_t> buffer) {
  bytes_ = buffer.first(file.ReadAt(offset, buffer));
  header_ = bytes_.size() < sizeof(SegmentHeader) ? PlainHeader{} : HeaderOf(bytes_);
}

std::string CheckedSegment::FindProblem() const {
  if (header_.magic != kSegmentMagic) {
    return absl::StrCat("segment magic ", absl::Hex(header_.magic), ", expected ",
                        absl::Hex(kSegmentMagic));
  }
  if (header_.committed > kSegmentPayload) {
    return absl::StrCat(header_.committed, " bytes committed, a segment holds ", kSegmentPayload);
  }
  std::string seal = SealProblem(bytes_);
  if (!seal.empty()) return seal;
  const auto kind = static_cast<SegmentKind>(header_.kind);
  if (kind == SegmentKind::kEvents || kind == SegmentKind::kLockTable) return "";
  return absl::StrCat("segment kind ", header_.kind, ", expected 1 or 2");
}

}  // namespace perfagent

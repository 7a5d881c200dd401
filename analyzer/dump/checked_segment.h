// checked_segment.h: one segment of a dump, as it is read: its header, and whether it can be trusted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "analyzer/dump/dump_file.h"
#include "analyzer/dump/segment_reader.h"
#include "perfagent/dump_format.h"

namespace perfagent {

// SegmentHeader as plain integers: the file's writer may be changing it.
struct PlainHeader {
  uint32_t magic;
  uint16_t kind;
  uint16_t reserved0;
  uint32_t stream;
  uint32_t sequence;
  uint32_t committed;
  uint32_t sealed;
  uint64_t checksum;
  uint64_t acquisitions;
  uint64_t agent_ticks;
  uint64_t lookups;
  uint64_t whole_walk_frames;
  uint64_t last_time;
  uint16_t definition_runs;
  uint16_t reserved1;
  DefinitionRun definitions[kMostDefinitionRuns];
  OngoingEntry wait;

  bool KnowsDefinitions() const {
    return sealed != 0 && definition_runs != 0 && definition_runs <= kMostDefinitionRuns;
  }
};
static_assert(sizeof(PlainHeader) == sizeof(SegmentHeader));
static_assert(offsetof(PlainHeader, definitions) == offsetof(SegmentHeader, definitions));
static_assert(offsetof(PlainHeader, wait) == offsetof(SegmentHeader, wait));
static_assert(offsetof(PlainHeader, whole_walk_frames) ==
              offsetof(SegmentHeader, whole_walk_frames));
static_assert(offsetof(PlainHeader, committed) == offsetof(SegmentHeader, committed));
static_assert(offsetof(PlainHeader, checksum) == offsetof(SegmentHeader, checksum));
static_assert(offsetof(PlainHeader, acquisitions) == offsetof(SegmentHeader, acquisitions));

PlainHeader HeaderOf(std::span<const uint8_t> bytes);

// Reads a segment and checks all of it but its records.
class CheckedSegment {
 public:
  // `buffer` has room for a segment and outlives this.
  CheckedSegment(const DumpFile& file, uint64_t offset, std::span<uint8_t> buffer);

  // False when the file ends before the segment's records, or its thread died before it was begun.
  bool IsPresent() const {
    return bytes_.size() >= sizeof(SegmentHeader) && (header_.magic != 0 || header_.committed != 0);
  }
  // Empty when there is none.
  const std::string& problem() const { return problem_; }
  const PlainHeader& header() const { return header_; }
  // Of a segment that the end of the file cuts, what is there of them.
  std::span<const uint8_t> records() const {
    const std::span<const uint8_t> payload = bytes_.subspan(sizeof(SegmentHeader));
    return payload.first(std::min<size_t>(payload.size(), header_.committed));
  }

 private:
  void Read(const DumpFile& file, uint64_t offset, std::span<uint8_t> buffer);
  std::string FindProblem() const;

  std::span<const uint8_t> bytes_;
  PlainHeader header_;
  std::string problem_;
};

}  // namespace perfagent

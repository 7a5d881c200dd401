#include "analyzer/dump/segment_reader.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

using SegmentBuffer = std::unique_ptr<uint8_t[]>;

std::string Hex(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

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
};
static_assert(offsetof(PlainHeader, lookups) == offsetof(SegmentHeader, lookups));
static_assert(offsetof(PlainHeader, committed) == offsetof(SegmentHeader, committed));
static_assert(offsetof(PlainHeader, checksum) == offsetof(SegmentHeader, checksum));
static_assert(offsetof(PlainHeader, acquisitions) == offsetof(SegmentHeader, acquisitions));

PlainHeader HeaderOf(std::span<const uint8_t> bytes) {
  PlainHeader header;
  memcpy(&header, bytes.data(), sizeof header);
  return header;
}

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

class Indexer {
 public:
  Indexer(const DumpFile& file, RecordHandler handle, DamageHandler damaged)
      : file_(file),
        handle_(handle),
        damaged_(damaged),
        buffer_(std::make_unique<uint8_t[]>(kSegmentBytes)) {}

  SegmentIndex Run(ProgressHandler progress) {
    index_.claimed_segments = file_.ClaimedSegments();
    for (uint64_t i = 0; i < index_.claimed_segments; ++i) {
      // Holes are stepped over in one call: a sparse file may claim terabytes.
      const uint64_t data = file_.NextData(SegmentOffset(i));
      if (data >= file_.size_bytes()) break;
      i = std::max(i, (data - kHeaderBytes) / kSegmentBytes);
      if (i >= index_.claimed_segments) break;
      IndexSegment(SegmentOffset(i));
      progress(SegmentOffset(i + 1));
    }
    index_.empty_segments = index_.claimed_segments - present_segments_;
    CheckLength();
    index_.clock = ClockMap(file_.header(), readings_);
    CollectStreams();
    return std::move(index_);
  }

 private:
  std::span<const uint8_t> ReadSegment(uint64_t offset) {
    return {buffer_.get(), file_.ReadAt(offset, {buffer_.get(), kSegmentBytes})};
  }

  void IndexSegment(uint64_t offset) {
    std::span<const uint8_t> bytes = ReadSegment(offset);
    std::string problem = SealProblem(bytes);
    if (!problem.empty()) {
      // The writer may have sealed the segment between the reads of its length and of its seal.
      bytes = ReadSegment(offset);
      problem = SealProblem(bytes);
    }
    if (bytes.size() < sizeof(SegmentHeader)) return;  // CheckLength reports the missing bytes
    const PlainHeader header = HeaderOf(bytes);
    if (header.magic == 0 && header.committed == 0) return;  // died before it was begun
    ++present_segments_;
    if (header.magic != kSegmentMagic) {
      problem = absl::StrCat("segment magic ", absl::Hex(header.magic), ", expected ",
                             absl::Hex(kSegmentMagic));
    } else if (header.committed > kSegmentPayload) {
      problem =
          absl::StrCat(header.committed, " bytes committed, a segment holds ", kSegmentPayload);
    }
    if (!problem.empty()) return Skip(offset, header, problem);
    AddSegment(offset, header, bytes.subspan(sizeof(SegmentHeader)));
  }

  void AddSegment(uint64_t offset, const PlainHeader& header, std::span<const uint8_t> payload) {
    Segment segment{.offset = offset,
                    .kind = static_cast<SegmentKind>(header.kind),
                    .stream = header.stream,
                    .sequence = header.sequence,
                    .sealed = header.sealed != 0,
                    .acquisitions = header.acquisitions,
                    .agent_ticks = header.agent_ticks,
                    .lookups = header.lookups};
    switch (segment.kind) {
      case SegmentKind::kLockTable:
        index_.lock_tables.push_back(segment);
        return;
      case SegmentKind::kEvents:
        // Of a cut segment the whole records are used: the cut itself is reported by CheckLength.
        DecodeEvents(&segment, payload.first(std::min<size_t>(payload.size(), header.committed)));
        index_.event_bytes += segment.bytes;
        index_.agent_ticks += segment.agent_ticks;
        index_.lookups += segment.lookups;
        segments_.push_back(segment);
        return;
    }
    Skip(offset, header, absl::StrCat("segment kind ", header.kind, ", expected 1 or 2"));
  }

  void DecodeEvents(Segment* segment, std::span<const uint8_t> bytes) {
    Decoder decoder(bytes);
    bool has_time = false;
    Record record;
    while (decoder.Next(&record)) {
      if (const std::optional<uint64_t> time = TimeOf(record); time && !has_time) {
        segment->first_time_ns = *time;  // in ticks, until Run is done
        has_time = true;
      }
      if (const auto* reading = std::get_if<ClockRecord>(&record)) readings_.push_back(*reading);
      handle_({*segment, record, decoder.end() - decoder.offset()});
    }
    segment->bytes = static_cast<uint32_t>(decoder.offset());
    const bool cut = segment->offset + kSegmentBytes > file_.size_bytes();
    if (decoder.error() == nullptr || cut) return;
    damaged_({file_.path(), segment->offset + sizeof(SegmentHeader) + decoder.offset(),
              decoder.error(), bytes.size() - decoder.offset()});
  }

  void Skip(uint64_t offset, const PlainHeader& header, const std::string& problem) {
    damaged_({file_.path(), offset, problem,
              header.committed > 0 && header.committed <= kSegmentPayload
                  ? header.committed
                  : uint64_t{kSegmentPayload}});
    if (header.magic == kSegmentMagic && header.kind == static_cast<uint16_t>(SegmentKind::kEvents))
      skipped_[header.stream].push_back(header.sequence);
  }

  void CheckLength() {
    const uint64_t expected = SegmentOffset(index_.claimed_segments);
    const uint64_t found = file_.size_bytes();
    if (found >= expected) return;
    damaged_({file_.path(), found, absl::StrCat("file ends here, expected ", expected, " bytes"),
              expected - found});
  }

  void CollectStreams() {
    std::map<uint32_t, std::vector<Segment>> by_stream;
    for (Segment& segment : segments_) {
      segment.first_time_ns = index_.clock.NsAt(segment.first_time_ns);
      by_stream[segment.stream].push_back(segment);
    }
    index_.event_segments = segments_.size();
    for (auto& [number, segments] : by_stream) {
      std::stable_sort(segments.begin(), segments.end(),
                       [](const Segment& a, const Segment& b) { return a.sequence < b.sequence; });
      CheckSequence(number, segments);
      index_.streams.push_back({number, std::move(segments)});
    }
  }

  // Each stream's segments are numbered from 0. Those that were skipped have been reported.
  void CheckSequence(uint32_t stream, const std::vector<Segment>& segments) {
    std::vector<uint32_t>& skipped = skipped_[stream];
    std::sort(skipped.begin(), skipped.end());
    uint64_t expected = 0;
    for (const Segment& segment : segments) {
      const auto first = std::lower_bound(skipped.begin(), skipped.end(), expected);
      const auto end = std::lower_bound(skipped.begin(), skipped.end(), segment.sequence);
      const uint64_t missing_reported = first < end ? static_cast<uint64_t>(end - first) : 0;
      if (segment.sequence < expected) {
        damaged_({file_.path(), segment.offset,
                  absl::StrCat("stream ", stream, " has segment ", segment.sequence, " twice"), 0});
      } else if (segment.sequence - expected > missing_reported) {
        damaged_({file_.path(), segment.offset,
                  absl::StrCat("stream ", stream, " has segment ", segment.sequence,
                               " here, expected ", expected),
                  0});
      }
      expected = uint64_t{segment.sequence} + 1;
    }
  }

  const DumpFile& file_;
  RecordHandler handle_;
  DamageHandler damaged_;
  SegmentBuffer buffer_;
  SegmentIndex index_;
  std::vector<Segment> segments_;
  std::map<uint32_t, std::vector<uint32_t>> skipped_;  // sequence numbers by stream
  std::vector<ClockRecord> readings_;
  uint64_t present_segments_ = 0;
};

}  // namespace

SegmentIndex IndexSegments(const DumpFile& file, RecordHandler handle, DamageHandler damaged,
                           ProgressHandler progress) {
  return Indexer(file, handle, damaged).Run(progress);
}

std::vector<LockTableEntry> ReadLockTable(const DumpFile& file, const ClockMap& clock,
                                          const Segment& segment) {
  std::vector<LockTableEntry> slots(kLockTableSlots);
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(slots.data()),
                                 slots.size() * sizeof(LockTableEntry));
  slots.resize(file.ReadAt(segment.offset + sizeof(SegmentHeader), bytes) / sizeof(LockTableEntry));
  std::erase_if(slots, [](const LockTableEntry& slot) {
    return slot.lock == 0 || slot.api >= LockApi::kCount;
  });
  for (LockTableEntry& slot : slots) slot.wait_ns = clock.SumNs(slot.wait_ns);
  return slots;
}

bool StreamCursor::Next(Record* record) {
  while (true) {
    if (decoder_) {
      if (decoder_->Next(record)) {
        clock_->Convert(record, &clock_piece_);
        return true;
      }
      decoder_.reset();
    }
    if (!LoadSegment()) return false;
  }
}

bool StreamCursor::LoadSegment() {
  if (next_segment_ == stream_->segments.size()) {
    buffer_.reset();
    return false;
  }
  if (buffer_ == nullptr) buffer_ = std::make_unique<uint8_t[]>(kSegmentPayload);
  const Segment& segment = stream_->segments[next_segment_++];
  const size_t size =
      file_->ReadAt(segment.offset + sizeof(SegmentHeader), {buffer_.get(), segment.bytes});
  decoder_.emplace(std::span<const uint8_t>(buffer_.get(), size));
  return true;
}

}  // namespace perfagent

#include "analyzer/dump/dump_tail.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "analyzer/dump/checked_segment.h"

namespace perfagent {

bool DumpTail::Read(TailSink* sink, absl::FunctionRef<bool(double part)> goes_on) {
  file_->ReadLiveFieldsAgain();
  for (auto& [number, stream] : streams_) ReadOn(&stream, sink);
  std::erase_if(absent_, [&](uint64_t index) { return Adopt(index, sink); });
  return ReadNew(sink, goes_on);
}

bool DumpTail::ReadNew(TailSink* sink, absl::FunctionRef<bool(double part)> goes_on) {
  const uint64_t first = next_index_;
  const uint64_t claimed = file_->ClaimedSegments();
  while (next_index_ < claimed) {
    const uint64_t data = file_->NextData(SegmentOffset(next_index_));
    if (data >= file_->size_bytes()) break;
    const uint64_t present = std::min((data - kHeaderBytes) / kSegmentBytes, claimed);
    // A sparse file may claim terabytes.
    if (present > next_index_ + kMaxAbsent) next_index_ = present - kMaxAbsent;
    for (; next_index_ < present; ++next_index_) absent_.push_back(next_index_);
    if (next_index_ == claimed) break;
    if (!Adopt(next_index_, sink)) absent_.push_back(next_index_);
    ++next_index_;
    const double part =
        static_cast<double>(next_index_ - first) / static_cast<double>(claimed - first);
    if (!goes_on(part)) return false;
  }
  if (absent_.size() > kMaxAbsent) absent_.erase(absent_.begin(), absent_.end() - kMaxAbsent);
  return true;
}

bool DumpTail::BeginsAfresh(const Segment& segment) const {
  uint8_t first = 0;
  const std::span<uint8_t> bytes(&first, 1);
  return file_->ReadAt(segment.offset + sizeof(SegmentHeader), bytes) == 1 &&
         Decoder::BeginsAfresh(bytes);
}

void DumpTail::GoToEnd(const SegmentIndex& index, TailSink* sink) {
  std::set<uint64_t> present;
  for (const perfagent::Stream& stream : index.streams) {
    size_t begin = stream.segments.size() - 1;
    while (begin > 0 && !BeginsAfresh(stream.segments[begin])) --begin;
    for (size_t i = 0; i < stream.segments.size(); ++i) {
      Segment segment = stream.segments[i];
      present.insert(segment.offset);
      segment.bytes = 0;  // so far
      if (i >= begin) AdoptEvents(segment, sink);
    }
  }
  lock_tables_ = index.lock_tables;
  for (const Segment& table : lock_tables_) present.insert(table.offset);
  next_index_ = index.claimed_segments;
  for (uint64_t i = next_index_ - std::min<uint64_t>(next_index_, kMaxAbsent); i < next_index_;
       ++i) {
    if (!present.contains(SegmentOffset(i))) absent_.push_back(i);
  }
}

bool DumpTail::Adopt(uint64_t index, TailSink* sink) {
  std::array<uint8_t, sizeof(SegmentHeader)> bytes;
  const uint64_t offset = SegmentOffset(index);
  if (file_->ReadAt(offset, bytes) < bytes.size()) return false;
  const PlainHeader header = HeaderOf(bytes);
  if (header.magic == 0) return false;  // stored last
  const Segment segment{.offset = offset,
                        .kind = static_cast<SegmentKind>(header.kind),
                        .stream = header.stream,
                        .sequence = header.sequence};
  const bool is_whole = header.magic == kSegmentMagic;
  if (is_whole && segment.kind == SegmentKind::kEvents) {
    AdoptEvents(segment, sink);
  } else if (is_whole && segment.kind == SegmentKind::kLockTable) {
    lock_tables_.push_back(segment);
  } else {
    unreadable_bytes_ += kSegmentPayload;
  }
  return true;
}

void DumpTail::AdoptEvents(const Segment& segment, TailSink* sink) {
  const auto [found, is_first] = streams_.try_emplace(segment.stream);
  Stream& stream = found->second;
  if (is_first) {
    stream.state = MakeDecoderState();
  } else {
    // The writer may have added to the segment before after it was looked at, and then gone on to this one.
    ReadOn(&stream, sink);
    stream.is_whole = stream.is_whole && segment.sequence == stream.segment.sequence + 1;
  }
  stream.segment = segment;
  sink->OnSegment(segment.stream);
  ReadOn(&stream, sink);
}

void DumpTail::ReadOn(Stream* stream, TailSink* sink) {
  std::array<uint8_t, sizeof(SegmentHeader)> bytes;
  Segment& segment = stream->segment;
  if (file_->ReadAt(segment.offset, bytes) < bytes.size()) return;
  const PlainHeader header = HeaderOf(bytes);
  stream->wait = header.wait;
  if (header.committed <= segment.bytes || header.committed > kSegmentPayload) return;
  std::array<uint8_t, kSegmentPayload> records;
  const std::span<uint8_t> fresh(records.data(), header.committed - segment.bytes);
  const uint64_t offset = segment.offset + sizeof(SegmentHeader) + segment.bytes;
  const size_t size = file_->ReadAt(offset, fresh);
  bytes_read_ += size;
  Decode(stream, fresh.first(size), sink);
  segment.bytes = header.committed;
}

void DumpTail::Decode(Stream* stream, std::span<const uint8_t> bytes, TailSink* sink) {
  const bool begins_afresh = stream->segment.bytes == 0 && Decoder::BeginsAfresh(bytes);
  stream->is_whole = stream->is_whole || begins_afresh;
  size_t used = 0;
  if (stream->is_whole) {
    Decoder decoder(bytes, stream->state.get());
    Record record;
    while (decoder.Next(&record)) sink->OnRecord(stream->segment.stream, record);
    used = decoder.error() == nullptr ? bytes.size() : decoder.offset();
    stream->is_whole = decoder.error() == nullptr;
  }
  unreadable_bytes_ += bytes.size() - used;
}

std::vector<OngoingEntry> DumpTail::Ongoing() const {
  std::vector<OngoingEntry> ongoing;
  for (const auto& [number, stream] : streams_) {
    if (stream.wait.lock != 0 && stream.wait.api < LockApi::kCount) ongoing.push_back(stream.wait);
  }
  return ongoing;
}

}  // namespace perfagent

#include "analyzer/dump/segment_reader.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/dump/checked_segment.h"

namespace perfagent {
namespace {

// A segment's place in a stream, by its header as it was found first.
struct Place {
  uint32_t stream;
  uint32_t sequence;
  uint64_t offset;
  bool begins_afresh = false;
  bool knows_definitions = false;

  friend auto operator<=>(const Place&, const Place&) = default;
};

// What is found wrong, and what had to be left out, so far.
struct Troubles {
  std::vector<Damage> damage;
  std::vector<Place> skipped;

  void Append(Troubles&& later) {
    std::move(later.damage.begin(), later.damage.end(), std::back_inserter(damage));
    skipped.insert(skipped.end(), later.skipped.begin(), later.skipped.end());
  }
};

Damage SkippedSegment(const DumpFile& file, uint64_t offset, const CheckedSegment& segment) {
  const uint32_t committed = segment.header().committed;
  const bool is_plausible = committed > 0 && committed <= kSegmentPayload;
  return {file.path(), offset, segment.problem(),
          is_plausible ? committed : uint64_t{kSegmentPayload}};
}

Segment SegmentOf(const Place& place, const PlainHeader& header) {
  return {.offset = place.offset,
          .kind = static_cast<SegmentKind>(header.kind),
          .stream = place.stream,
          .sequence = place.sequence,
          .sealed = header.sealed != 0,
          .acquisitions = header.acquisitions,
          .agent_ticks = header.agent_ticks,
          .lookups = header.lookups,
          .whole_walk_frames = header.whole_walk_frames};
}

// RecordCount's places of compact events.
const size_t kAllocKind = Record(AllocRecord{}).index();
const size_t kFreeKind = Record(FreeRecord{}).index();

// Of records, in ticks.
struct Times {
  std::optional<uint64_t> first;
  uint64_t last = 0;

  void Add(uint64_t time) {
    if (!first) first = time;
    last = std::max(last, time);
  }
};

// Segments of one stream, one after the other. First times are ticks.
class PartReader {
 public:
  PartReader(const DumpFile& file, Reading reading, std::span<const Place> places,
             DefinitionSink* sink)
      : file_(file), reading_(reading), places_(places), sink_(sink) {}

  void Read() {
    const auto buffer = std::make_unique<uint8_t[]>(kSegmentBytes);
    state_ = MakeDecoderState();
    const Place* const events_end = EventsEnd();
    for (const Place& place : places_)
      ReadSegment(place, &place < events_end, {buffer.get(), kSegmentBytes});
    state_.reset();
  }

  std::vector<Segment> segments;
  std::vector<OngoingEntry> ongoing;  // begun in ticks
  Troubles troubles;
  std::vector<ClockRecord> readings;
  RecordCounts records = {};
  uint64_t last_time = 0;

 private:
  // The last segment that does not say where its definitions are needs all that comes before them.
  const Place* EventsEnd() const {
    const Place* end = places_.data() + places_.size();
    if (reading_ == Reading::kEverything) return end;
    while (end != places_.data() && end[-1].knows_definitions) --end;
    return end;
  }

  void ReadSegment(const Place& place, bool with_events, std::span<uint8_t> buffer) {
    const CheckedSegment checked(file_, place.offset, buffer);
    if (!checked.IsPresent()) return;
    if (!checked.problem().empty()) {
      troubles.damage.push_back(SkippedSegment(file_, place.offset, checked));
      troubles.skipped.push_back(place);
      return;
    }
    if (!Decoder::BeginsAfresh(checked.records()) && !GoesOn(place)) {
      troubles.damage.push_back({file_.path(), place.offset,
                                 absl::StrCat("stream ", place.stream, " segment ", place.sequence,
                                              " goes on from one that is missing or damaged"),
                                 checked.records().size()});
      troubles.skipped.push_back(place);
      return;
    }
    segments.push_back(SegmentOf(place, checked.header()));
    const OngoingEntry& wait = checked.header().wait;
    if (wait.lock != 0 && wait.api < LockApi::kCount) ongoing.push_back(wait);
    next_sequence_ = uint64_t{place.sequence} + 1;
    if (with_events) {
      Decode(checked.records(), &segments.back());
    } else {
      DecodeDefinitions(checked.records(), checked.header(), &segments.back());
    }
  }

  // Is the decoder's state that after the segment before this one?
  bool GoesOn(const Place& place) const {
    return !segments.empty() && is_whole_ && place.sequence == next_sequence_;
  }

  void Decode(std::span<const uint8_t> bytes, Segment* segment) {
    Times times;
    const Decoder decoder = DecodeRecords(bytes, *segment, &times);
    Finish(decoder, 0, times, bytes.size(), segment);
  }

  void DecodeDefinitions(std::span<const uint8_t> bytes, const PlainHeader& header,
                         Segment* segment) {
    Times times;
    const size_t runs = std::min<size_t>(header.definition_runs, kMostDefinitionRuns);
    for (const DefinitionRun& run : std::span(header.definitions, runs)) {
      const size_t end = std::min<size_t>(run.end, bytes.size());
      const size_t begin = std::min<size_t>(run.begin, end);
      const Decoder decoder = DecodeRecords(bytes.subspan(begin, end - begin), *segment, &times);
      if (decoder.error() != nullptr) return Finish(decoder, begin, times, bytes.size(), segment);
    }
    times.Add(header.last_time);
    state_->codec.last_time = header.last_time;
    Finish(Decoder(bytes.last(0), state_.get()), bytes.size(), times, bytes.size(), segment);
  }

  Decoder DecodeRecords(std::span<const uint8_t> bytes, const Segment& segment, Times* times) {
    Decoder decoder(bytes, state_.get());
    Record record;
    CompactEvent event;
    const auto count = [&](size_t kind) {
      ++records[kind].records;
      records[kind].bytes += decoder.end() - decoder.offset();
    };
    while (true) {
      // Nearly all records are of these two.
      if (decoder.NextCompact(&event)) [[likely]] {
        count(event.is_free ? kFreeKind : kAllocKind);
        times->Add(event.time);
        continue;
      }
      if (!decoder.Next(&record)) return decoder;
      count(record.index());
      if (const std::optional<uint64_t> time = TimeOf(record)) times->Add(*time);
      if (!IsEvent(record)) Define(segment, record);
    }
  }

  // The decoder, which began at `begin`, has come to the end or to damage.
  void Finish(const Decoder& decoder, size_t begin, const Times& times, size_t size,
              Segment* segment) {
    const size_t end = begin + decoder.offset();
    segment->first_time_ns = times.first.value_or(0);
    last_time = std::max(last_time, times.last);
    segment->bytes = static_cast<uint32_t>(end);
    is_whole_ = decoder.error() == nullptr;
    // Of a cut segment the whole records are used: the cut itself is reported by CheckLength.
    const bool cut = segment->offset + kSegmentBytes > file_.size_bytes();
    if (decoder.error() == nullptr || cut) return;
    troubles.damage.push_back(
        {file_.path(), segment->offset + sizeof(SegmentHeader) + end, decoder.error(), size - end});
  }

  void Define(const Segment& segment, const Record& record) {
    if (const auto* reading = std::get_if<ClockRecord>(&record)) readings.push_back(*reading);
    sink_->OnDefinition(segment, record);
  }

  const DumpFile& file_;
  const Reading reading_;
  std::span<const Place> places_;
  DefinitionSink* sink_;
  DecoderStatePtr state_;
  uint64_t next_sequence_ = 0;
  bool is_whole_ = false;  // the segment before was read to its end
};

class Indexer {
 public:
  Indexer(const DumpFile& file, Reading reading, ProgressHandler progress)
      : file_(file), reading_(reading), progress_(progress) {}

  SegmentIndex Run(Workers* workers, MakeSinks make_sinks, DamageHandler damaged) {
    FindSegments();
    ReadParts(workers, make_sinks);
    index_.empty_segments = index_.claimed_segments - present_segments_;
    CheckLength();
    FinishStreams();
    std::stable_sort(troubles_.damage.begin(), troubles_.damage.end(),
                     [](const Damage& a, const Damage& b) { return a.offset < b.offset; });
    for (Damage& damage : troubles_.damage) damaged(std::move(damage));
    return std::move(index_);
  }

 private:
  // A part is about a megabyte: enough to be worth a task, and few enough of them where a dump has gigabytes.
  static constexpr size_t kPartSegments = 32;

  void FindSegments() {
    index_.claimed_segments = file_.ClaimedSegments();
    for (uint64_t i = 0; i < index_.claimed_segments; ++i) {
      // Holes are stepped over in one call: a sparse file may claim terabytes.
      const uint64_t data = file_.NextData(SegmentOffset(i));
      if (data >= file_.size_bytes()) break;
      i = std::max(i, (data - kHeaderBytes) / kSegmentBytes);
      if (i >= index_.claimed_segments) break;
      FindSegment(SegmentOffset(i));
    }
    std::sort(places_.begin(), places_.end());
  }

  void FindSegment(uint64_t offset) {
    std::array<uint8_t, sizeof(SegmentHeader) + 1> bytes;
    if (file_.ReadAt(offset, bytes) < bytes.size())
      return;  // CheckLength reports the missing bytes
    const PlainHeader header = HeaderOf(bytes);
    if (header.magic == kSegmentMagic &&
        header.kind == static_cast<uint16_t>(SegmentKind::kEvents)) {
      const bool begins_afresh = Decoder::BeginsAfresh({&bytes.back(), 1});
      // What the end of the file cuts has no checksum that holds.
      const bool is_whole = offset + kSegmentBytes <= file_.size_bytes();
      places_.push_back({header.stream, header.sequence, offset, begins_afresh,
                         is_whole && header.KnowsDefinitions()});
    } else {
      AddTable({header.stream, header.sequence, offset});
    }
  }

  // A segment that is not of events is a lock table, or nothing that is known.
  void AddTable(const Place& place) {
    const auto buffer = std::make_unique<uint8_t[]>(kSegmentBytes);
    const CheckedSegment checked(file_, place.offset, {buffer.get(), kSegmentBytes});
    if (!checked.IsPresent()) return;
    ++present_segments_;
    if (!checked.problem().empty()) {
      troubles_.damage.push_back(SkippedSegment(file_, place.offset, checked));
    } else {
      index_.lock_tables.push_back(SegmentOf(place, checked.header()));
    }
  }

  // No part has segments of two streams, and the next part needs nothing of it.
  std::vector<std::span<const Place>> Parts() const {
    std::vector<std::span<const Place>> parts;
    for (size_t begin = 0; begin < places_.size();) {
      size_t end = begin + 1;
      while (end < places_.size() && places_[end].stream == places_[begin].stream &&
             (end - begin < kPartSegments || !places_[end].begins_afresh)) {
        ++end;
      }
      parts.push_back(std::span(places_).subspan(begin, end - begin));
      begin = end;
    }
    return parts;
  }

  void ReadParts(Workers* workers, MakeSinks make_sinks) {
    const std::vector<std::span<const Place>> parts = Parts();
    const std::vector<DefinitionSink*> sinks = make_sinks(parts.size());
    std::vector<PartReader> readers;
    readers.reserve(parts.size());
    for (size_t i = 0; i < parts.size(); ++i)
      readers.emplace_back(file_, reading_, parts[i], sinks[i]);
    // In rounds, between which the progress is shown.
    const size_t round = workers->count() * 8;
    for (size_t begin = 0; begin < parts.size(); begin += round) {
      workers->Run(std::min(round, parts.size() - begin),
                   [&](size_t i) { readers[begin + i].Read(); });
      progress_(begin * kPartSegments * kSegmentBytes);
    }
    present_segments_ += places_.size();
    for (PartReader& reader : readers) AddPart(&reader);
    index_.clock = ClockMap(file_.header(), readings_);
  }

  void AddPart(PartReader* part) {
    troubles_.Append(std::move(part->troubles));
    readings_.insert(readings_.end(), part->readings.begin(), part->readings.end());
    last_time_ = std::max(last_time_, part->last_time);
    index_.ongoing.insert(index_.ongoing.end(), part->ongoing.begin(), part->ongoing.end());
    for (size_t kind = 0; kind < part->records.size(); ++kind) {
      index_.records[kind].records += part->records[kind].records;
      index_.records[kind].bytes += part->records[kind].bytes;
    }
    for (const Segment& segment : part->segments) {
      ++index_.event_segments;
      index_.event_bytes += segment.bytes;
      index_.agent_ticks += segment.agent_ticks;
      index_.lookups += segment.lookups;
      index_.whole_walk_frames += segment.whole_walk_frames;
      if (index_.streams.empty() || index_.streams.back().number != segment.stream)
        index_.streams.push_back({segment.stream, {}});
      index_.streams.back().segments.push_back(segment);
    }
  }

  void CheckLength() {
    const uint64_t expected = SegmentOffset(index_.claimed_segments);
    const uint64_t found = file_.size_bytes();
    if (found >= expected) return;
    troubles_.damage.push_back({file_.path(), found,
                                absl::StrCat("file ends here, expected ", expected, " bytes"),
                                expected - found});
  }

  void FinishStreams() {
    index_.last_time_ns = index_.clock.NsAt(last_time_);
    for (OngoingEntry& wait : index_.ongoing) wait.begin_ns = index_.clock.NsAt(wait.begin_ns);
    for (Stream& stream : index_.streams) {
      for (Segment& segment : stream.segments)
        segment.first_time_ns = index_.clock.NsAt(segment.first_time_ns);
      CheckSequence(stream);
    }
  }

  // Each stream's segments are numbered from 0. Those that were skipped have been reported.
  void CheckSequence(const Stream& stream) {
    const std::vector<Place>& skipped = troubles_.skipped;  // sorted, as the parts are
    uint64_t expected = 0;
    for (const Segment& segment : stream.segments) {
      const auto sequence = static_cast<uint32_t>(expected);
      const auto first =
          std::lower_bound(skipped.begin(), skipped.end(), Place{stream.number, sequence, 0});
      const auto end = std::lower_bound(skipped.begin(), skipped.end(),
                                        Place{stream.number, segment.sequence, 0});
      const uint64_t missing_reported = first < end ? static_cast<uint64_t>(end - first) : 0;
      if (segment.sequence < expected) {
        Report(segment,
               absl::StrCat("stream ", stream.number, " has segment ", segment.sequence, " twice"));
      } else if (segment.sequence - expected > missing_reported) {
        Report(segment, absl::StrCat("stream ", stream.number, " has segment ", segment.sequence,
                                     " here, expected ", expected));
      }
      expected = uint64_t{segment.sequence} + 1;
    }
  }

  void Report(const Segment& segment, std::string what) {
    troubles_.damage.push_back({file_.path(), segment.offset, std::move(what), 0});
  }

  const DumpFile& file_;
  const Reading reading_;
  ProgressHandler progress_;
  SegmentIndex index_;
  std::vector<Place> places_;  // of event segments
  Troubles troubles_;
  std::vector<ClockRecord> readings_;
  uint64_t last_time_ = 0;
  uint64_t present_segments_ = 0;
};

}  // namespace

SegmentIndex IndexSegments(const DumpFile& file, Reading reading, Workers* workers,
                           MakeSinks make_sinks, DamageHandler damaged, ProgressHandler progress) {
  return Indexer(file, reading, progress).Run(workers, make_sinks, damaged);
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
  for (LockTableEntry& slot : slots) {
    slot.wait_ns = clock.SumNs(slot.wait_ns);
    slot.longest_wait_ns = clock.SumNs(slot.longest_wait_ns);
  }
  return slots;
}

void StreamCursor::NoteDamage() {
  if (!decoder_ || decoder_->error() == nullptr) return;
  const Segment& segment = stream_->segments[next_segment_ - 1];
  damage_.push_back({file_->path(), segment.offset + sizeof(SegmentHeader) + decoder_->offset(),
                     decoder_->error(), segment.bytes - decoder_->offset()});
}

bool StreamCursor::LoadSegment() {
  NoteDamage();
  decoder_.reset();
  if (next_segment_ == stream_->segments.size()) {
    buffer_.reset();
    state_.reset();
    return false;
  }
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique<uint8_t[]>(kSegmentPayload);
    state_ = MakeDecoderState();
  }
  const Segment& segment = stream_->segments[next_segment_++];
  const size_t size =
      file_->ReadAt(segment.offset + sizeof(SegmentHeader), {buffer_.get(), segment.bytes});
  decoder_.emplace(std::span<const uint8_t>(buffer_.get(), size), state_.get());
  return true;
}

}  // namespace perfagent

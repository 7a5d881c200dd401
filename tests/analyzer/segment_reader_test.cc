#include "analyzer/dump/segment_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <set>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

constexpr size_t kFirst = kHeaderBytes;
constexpr size_t kSecond = kHeaderBytes + kSegmentBytes;
constexpr size_t kThird = kHeaderBytes + 2 * kSegmentBytes;

// Three segments of one stream with one allocation each; the last one is not sealed.
std::vector<uint8_t> ThreeSegments(uint64_t file_bytes = uint64_t{1} << 30) {
  DumpBuilder dump;
  dump.header().file_bytes = file_bytes;
  StreamBuilder& stream = dump.AddStream();
  for (uint64_t i = 0; i < 3; ++i) {
    stream.NextSegment();
    stream.Alloc(i, 0x1000 * (i + 1), 10, 0);
  }
  return dump.Bytes();
}

std::vector<std::string> DamageOf(const std::vector<uint8_t>& dump) {
  std::vector<std::string> lines;
  const Profile profile = ProfileOf(dump);
  for (const Damage& damage : profile.dump.damage) {
    // The name of a memory file differs from run to run.
    lines.push_back(damage.ToString().substr(damage.file.size() + 2));
  }
  return lines;
}

double AllocationsOf(const std::vector<uint8_t>& dump) {
  return ProfileOf(dump).heap.total.allocations.value();
}

using Lines = std::vector<std::string>;

TEST(SegmentReader, SoundDumpHasNoDamage) {
  const std::vector<uint8_t> dump = ThreeSegments();
  EXPECT_EQ(DamageOf(dump), Lines());
  EXPECT_EQ(AllocationsOf(dump), 3);
}

TEST(SegmentReader, DamagedSealedSegmentIsSkippedAndTheOthersAreRead) {
  std::vector<uint8_t> dump = ThreeSegments();
  dump[kSecond + sizeof(SegmentHeader) + 1] ^= 0x40;
  const Lines damage = DamageOf(dump);
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].rfind("offset 40960: segment checksum ", 0), 0u) << damage[0];
  EXPECT_NE(damage[0].find("; skipped 9 bytes"), std::string::npos) << damage[0];
  EXPECT_EQ(AllocationsOf(dump), 2);
}

// Four segments of two allocations each; the second and third go on from the one before.
std::vector<uint8_t> SegmentsThatGoOn() {
  DumpBuilder builder;
  StreamBuilder& stream = builder.AddStream();
  const auto put_two = [&](uint64_t number) {
    stream.Alloc(1000 * number, 0x1000 * number, 10, 0);
    stream.Alloc(1000 * number + 500, 0x1000 * number + 0x20, 10, 0);
  };
  stream.NextSegment().UseTables();
  put_two(1);
  stream.GoOn();
  put_two(2);
  stream.GoOn();
  put_two(3);
  stream.NextSegment();
  put_two(4);
  return builder.Bytes();
}

TEST(SegmentReader, SegmentsThatGoOnFromEachOtherAreRead) {
  const std::vector<uint8_t> dump = SegmentsThatGoOn();
  EXPECT_EQ(DamageOf(dump), Lines());
  EXPECT_EQ(AllocationsOf(dump), 8);
}

TEST(SegmentReader, WhatGoesOnFromADamagedSegmentIsSkippedUpToAFreshOne) {
  std::vector<uint8_t> dump = SegmentsThatGoOn();
  dump[kSecond + sizeof(SegmentHeader) + 1] ^= 0x40;
  const Lines damage = DamageOf(dump);
  ASSERT_EQ(damage.size(), 2u);
  EXPECT_NE(damage[0].find("segment checksum"), std::string::npos) << damage[0];
  EXPECT_EQ(damage[1].rfind("offset 73728: stream 0 segment 2 goes on from one that is missing or "
                            "damaged; skipped ",
                            0),
            0u)
      << damage[1];
  EXPECT_EQ(AllocationsOf(dump), 4);
}

// Segments that go on from each other. Each says whose it is and defines a stack at its beginning, and defines another one
// amid its events, and notes where that is; the last one is not sealed.
class DefiningSegments {
 public:
  DefiningSegments() {
    for (uint64_t i = 0; i < 4; ++i) {
      if (i == 0) {
        stream_.NextSegment().UseTables();
      } else {
        stream_.GoOn();
      }
      AddSegment(i);
    }
  }
  std::vector<uint8_t> Bytes() { return builder_.Bytes(); }

 private:
  void AddSegment(uint64_t i) {
    SegmentBuilder& segment = stream_.current();
    stream_.Thread(1000 * i, 4711, "main");
    const uint64_t first = builder_.Stack({0x401000 + i, 0x400100});
    Note({0, static_cast<uint16_t>(segment.committed())});
    PutEvents(1000 * i, first);
    const auto begin = static_cast<uint16_t>(segment.committed());
    const uint64_t second = builder_.Stack({0x402000 + i, 0x400100 + i});
    Note({begin, static_cast<uint16_t>(segment.committed())});
    PutEvents(1000 * i + 500, second);
  }
  void PutEvents(uint64_t time, uint64_t stack) {
    for (uint64_t i = 0; i < 10; ++i) {
      const uint64_t now = (time + 40 * i) << kTimeShift;
      stream_.Alloc(now, 0x1000 + 0x20 * (i % 3), 24, stack);
      if (i % 4 != 3) stream_.Free(now, 0x1000 + 0x20 * (i % 3));
      stream_.current().header().last_time = now;
    }
  }
  void Note(DefinitionRun run) {
    SegmentHeader& header = stream_.current().header();
    header.definitions[header.definition_runs++] = run;
  }

  DumpBuilder builder_;
  StreamBuilder& stream_ = builder_.AddStream();
};

void Forget(std::vector<uint8_t>* dump, size_t segment) {
  memset(dump->data() + segment + offsetof(SegmentHeader, definition_runs), 0, sizeof(uint16_t));
}
std::string ReportOf(const std::vector<uint8_t>& dump) {
  Profile profile = ProfileOf(dump);
  return JsonReportOf(&profile);
}
uint64_t AllocationsDecodedAtFirst(const std::vector<uint8_t>& dump) {
  return ProfileOf(dump).dump.index.records[Record(AllocRecord{}).index()].records;
}

TEST(SegmentReader, EventsAreSteppedOverWhereDefinitionsAreNoted) {
  EXPECT_EQ(AllocationsDecodedAtFirst(DefiningSegments().Bytes()), 80u)
      << "the last segment says nothing, and needs those before it";
  std::vector<uint8_t> dump = DefiningSegments().Bytes();
  const uint32_t claimed = 3;
  memcpy(dump.data() + offsetof(HeaderPage, segments_claimed), &claimed, sizeof claimed);
  EXPECT_EQ(AllocationsDecodedAtFirst(dump), 0u);
  EXPECT_EQ(AllocationsOf(dump), 60);
  Forget(&dump, kSecond);
  EXPECT_EQ(AllocationsDecodedAtFirst(dump), 40u);
}

TEST(SegmentReader, ReportIsTheSameWithoutTheNotes) {
  std::vector<uint8_t> dump = DefiningSegments().Bytes();
  const uint32_t claimed = 3;
  memcpy(dump.data() + offsetof(HeaderPage, segments_claimed), &claimed, sizeof claimed);
  dump[offsetof(HeaderPage, end_state)] = 0;  // killed: its duration is the time of the last record
  const std::string noted = ReportOf(dump);
  EXPECT_EQ(DamageOf(dump), Lines());
  EXPECT_NE(noted.find("402001"), std::string::npos) << noted;
  for (const size_t segment : {kThird, kFirst, kSecond}) {
    Forget(&dump, segment);
    EXPECT_EQ(ReportOf(dump), noted);
  }
}

TEST(SegmentReader, NotedDefinitionsOfADamagedSegmentAreNotUsed) {
  std::vector<uint8_t> dump = DefiningSegments().Bytes();
  dump[kSecond + sizeof(SegmentHeader) + 1] ^= 0x40;
  const Lines damage = DamageOf(dump);
  ASSERT_EQ(damage.size(), 3u);
  EXPECT_NE(damage[0].find("segment checksum"), std::string::npos) << damage[0];
  EXPECT_EQ(AllocationsOf(dump), 20);
}

TEST(SegmentReader, NotesThatPointAnywhereAreHarmless) {
  std::vector<uint8_t> dump = DefiningSegments().Bytes();
  dump.resize(kThird);
  for (const DefinitionRun run : {DefinitionRun{5, 2}, {60000, 65535}, {1, 65535}, {3, 3}}) {
    memcpy(dump.data() + kFirst + offsetof(SegmentHeader, definitions), &run, sizeof run);
    ReportOf(dump);
  }
}

// Its checksum holds, so that its events are left to the second reading.
TEST(SegmentReader, EventsOfASoundSegmentThatCannotBeDecodedAreDamage) {
  std::vector<uint8_t> dump = DefiningSegments().Bytes();
  const uint32_t claimed = 3;
  memcpy(dump.data() + offsetof(HeaderPage, segments_claimed), &claimed, sizeof claimed);
  uint32_t committed;
  memcpy(&committed, dump.data() + kSecond + offsetof(SegmentHeader, committed), sizeof committed);
  uint8_t* records = dump.data() + kSecond + sizeof(SegmentHeader);
  for (uint32_t i = committed / 2; i < committed; ++i) records[i] = 31;
  const uint64_t checksum = XXH3_64bits(records, committed);
  memcpy(dump.data() + kSecond + offsetof(SegmentHeader, checksum), &checksum, sizeof checksum);
  const Lines damage = DamageOf(dump);
  ASSERT_FALSE(damage.empty());
  EXPECT_NE(damage[0].find("skipped"), std::string::npos) << damage[0];
  EXPECT_LT(AllocationsOf(dump), 60);
}

TEST(SegmentReader, UnsealedSegmentIsReadUpToTheDamage) {
  DumpBuilder builder;
  StreamBuilder& stream = builder.AddStream();
  stream.Alloc(1, 0x1000, 10, 0);
  const size_t sound = stream.current().committed();
  stream.Alloc(2, 0x2000, 10, 0);
  std::vector<uint8_t> dump = builder.Bytes();
  const size_t bad = kFirst + sizeof(SegmentHeader) + sound;
  dump[bad] = 31;
  EXPECT_EQ(DamageOf(dump),
            Lines({"offset " + std::to_string(bad) + ": unknown record tag; skipped 7 bytes"}));
  EXPECT_EQ(AllocationsOf(dump), 1);
}

TEST(SegmentReader, ForeignSegmentMagicIsDamage) {
  std::vector<uint8_t> dump = ThreeSegments();
  dump[kThird] ^= 1;
  EXPECT_EQ(DamageOf(dump), Lines({"offset 73728: segment magic 4d474552, expected 4d474553; "
                                   "skipped 9 bytes"}));
  EXPECT_EQ(AllocationsOf(dump), 2);
}

TEST(SegmentReader, UnknownSegmentKindIsDamage) {
  std::vector<uint8_t> dump = ThreeSegments();
  dump[kThird + offsetof(SegmentHeader, kind)] = 9;
  EXPECT_EQ(DamageOf(dump),
            Lines({"offset 73728: segment kind 9, expected 1 or 2; skipped 9 bytes"}));
}

TEST(SegmentReader, MoreCommittedThanASegmentHoldsIsDamage) {
  std::vector<uint8_t> dump = ThreeSegments();
  const uint32_t committed = 100000;
  memcpy(dump.data() + kThird + offsetof(SegmentHeader, committed), &committed, sizeof committed);
  EXPECT_EQ(DamageOf(dump), Lines({"offset 73728: 100000 bytes committed, a segment holds 32576; "
                                   "skipped 32576 bytes"}));
}

TEST(SegmentReader, ClaimedSegmentThatWasNeverBegunIsNoDamage) {
  std::vector<uint8_t> dump = ThreeSegments();
  std::fill(dump.begin() + kThird, dump.end(), 0);
  EXPECT_EQ(DamageOf(dump), Lines());
  EXPECT_EQ(AllocationsOf(dump), 2);
  EXPECT_EQ(ProfileOf(dump).dump.index.empty_segments, 1u);
}

TEST(SegmentReader, MissingSequenceNumberIsDamage) {
  std::vector<uint8_t> dump = ThreeSegments();
  std::fill(dump.begin() + kSecond, dump.begin() + kThird, 0);
  EXPECT_EQ(DamageOf(dump), Lines({"offset 73728: stream 0 has segment 2 here, expected 1"}));
}

TEST(SegmentReader, RepeatedSequenceNumberIsDamage) {
  std::vector<uint8_t> dump = ThreeSegments();
  dump[kThird + offsetof(SegmentHeader, sequence)] = 1;
  EXPECT_EQ(DamageOf(dump), Lines({"offset 73728: stream 0 has segment 1 twice"}));
}

TEST(SegmentReader, CutFileSaysHowMuchIsMissingAndReadsTheRest) {
  std::vector<uint8_t> dump = ThreeSegments();
  dump.resize(kThird + 1000);
  EXPECT_EQ(DamageOf(dump), Lines({"offset 74728: file ends here, expected 106496 bytes; skipped "
                                   "31768 bytes"}));
  EXPECT_EQ(AllocationsOf(dump), 3) << "its records were before the cut";
  dump.resize(kSecond + 10);
  EXPECT_EQ(AllocationsOf(dump), 1);
}

TEST(SegmentReader, StackThatIsNotDefinedIsDamageOnce) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  stream.Alloc(1, 0x1000, 10, 77);
  stream.Alloc(2, 0x2000, 10, uint64_t{1} << 60);
  EXPECT_EQ(DamageOf(dump.Bytes()),
            Lines({"offset 0: 2 events name stacks that the file does not define"}));
}

TEST(SegmentReader, HugeSparseClaimIsReadInNoTime) {
  std::vector<uint8_t> dump = ThreeSegments(uint64_t{1} << 50);
  const uint32_t claimed = UINT32_MAX;
  memcpy(dump.data() + offsetof(HeaderPage, segments_claimed), &claimed, sizeof claimed);
  MemoryFile file(dump);
  file.Truncate(uint64_t{1} << 47);
  std::string error;
  Workers workers(1);
  const std::optional<Profile> profile = LoadProfile(file.path(), &workers, &error);
  ASSERT_TRUE(profile) << error;
  EXPECT_EQ(profile->heap.total.allocations.value(), 3);
}

TEST(SegmentReader, LockTablesReturnTheSlotsInUse) {
  DumpBuilder builder;
  SegmentBuilder& table = builder.AddLockTable();
  table.PutSlot(0x10, 0x401000, 3, 500);
  table.PutSlot(0, 0, 0, 0);
  table.PutSlot(0x20, 0x402000, 1, 70);
  const MemoryFile file(builder.Bytes());
  std::string error;
  const std::optional<DumpFile> dump = DumpFile::Open(file.path(), &error);
  ASSERT_TRUE(dump) << error;
  const std::vector<LockTableEntry> slots =
      ReadLockTable(*dump, ClockMap(), {.offset = kHeaderBytes});
  ASSERT_EQ(slots.size(), 2u);
  EXPECT_EQ(slots[1].lock, 0x20u);
  EXPECT_EQ(slots[1].wait_ns, 70u);
}

// Where a change can matter: the header page and the used part of each segment.
std::vector<size_t> InterestingOffsets(size_t size) {
  std::vector<size_t> offsets;
  for (size_t i = 0; i < size; ++i) {
    const size_t in_segment = i < kHeaderBytes ? 0 : (i - kHeaderBytes) % kSegmentBytes;
    const bool in_header = i < sizeof(HeaderPage);
    if (in_header || (i >= kHeaderBytes && in_segment < sizeof(SegmentHeader) + 160)) {
      offsets.push_back(i);
    }
  }
  return offsets;
}

TEST(SegmentReader, DumpWithEverythingIsFine) {
  const MemoryFile file(DumpWithEverything());
  EXPECT_EQ(RunAllCommands(file.path()), 0);
}

TEST(SegmentReader, TruncationAtEveryByteIsPartialOrUnusable) {
  const std::vector<uint8_t> dump = DumpWithEverything();
  MemoryFile file(dump);
  for (size_t size = dump.size() - 1;; --size) {
    file.Truncate(size);
    // All that differs inside a segment's free space is the length: every 97th will do.
    const bool used = (size - kHeaderBytes) % kSegmentBytes < 512 || size < kHeaderBytes;
    if (used || size % 97 == 0) {
      ASSERT_EQ(RunAllCommands(file.path()), size < kHeaderBytes ? 4 : 3) << "cut at " << size;
    }
    if (size == 0) break;
  }
}

TEST(SegmentReader, NoFlippedBitMakesAnyCommandFail) {
  const std::vector<uint8_t> dump = DumpWithEverything();
  MemoryFile file(dump);
  std::set<int> codes;
  for (const size_t offset : InterestingOffsets(dump.size())) {
    for (int bit = 0; bit < 8; ++bit) {
      file.Overwrite(offset, static_cast<uint8_t>(dump[offset] ^ (1 << bit)));
      const bool is_for_all = offset % 8 == static_cast<size_t>(bit);
      codes.insert(is_for_all ? RunAllCommands(file.path()) : RunTextReport(file.path()));
    }
    file.Overwrite(offset, dump[offset]);
  }
  EXPECT_EQ(codes, (std::set<int>{0, 3, 4}));
}

}  // namespace
}  // namespace perfagent::test

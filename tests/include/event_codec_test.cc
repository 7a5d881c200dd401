#include "perfagent/event_codec.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/round_trip.h"

namespace perfagent {
namespace {

using test::EncoderSide, test::FieldsOf, test::RoundedTime;

// Small, large and extreme numbers of the kinds that real records hold.
uint64_t RandomNumber(std::mt19937_64* random) {
  switch ((*random)() % 5) {
    case 0:
      return (*random)() % 200;
    case 1:
      return UINT64_MAX - (*random)() % 3;
    case 2:
      return uint64_t{1} << (*random)() % 64;
    case 3:
      return 0x7f0000000000 + (*random)() % 0x100000;
    default:
      return (*random)();
  }
}

template <typename Enum>
Enum RandomApi(std::mt19937_64* random) {
  return static_cast<Enum>((*random)() % static_cast<uint64_t>(Enum::kCount));
}

// Owns what a record's views point to.
struct Sample {
  Record record;
  std::string text[2];
  std::vector<uint64_t> pcs;
  std::vector<WaitCut> cuts;
};

std::string RandomText(std::mt19937_64* random) {
  std::string text((*random)() % 40, '\0');
  for (char& c : text) c = static_cast<char>((*random)());
  return text;
}

void Fill(Sample* sample, std::mt19937_64* random) {
  const auto number = [random] { return RandomNumber(random); };
  const auto limit = [random] {
    return static_cast<uint32_t>((*random)() % (sampling::kNoLimit + 1));
  };
  sample->text[0] = RandomText(random);
  sample->text[1] = RandomText(random);
  sample->pcs.resize((*random)() % 50);
  for (uint64_t& pc : sample->pcs) pc = number();
  sample->cuts.resize((*random)() % 20);
  switch ((*random)() % std::variant_size_v<Record>) {
    case 0:
      sample->record = ThreadRecord{number(), number(), sample->text[0]};
      break;
    case 1:
      sample->record = ThreadEndRecord{number()};
      break;
    case 2:
      sample->record = ModuleLoadRecord{number(), number(),        number(),       number(),
                                        number(), sample->text[0], sample->text[1]};
      break;
    case 3:
      sample->record = ModuleUnloadRecord{number(), number(), number()};
      break;
    case 4:
      sample->record = StackRecord{number(), number(),           number(),
                                   number(), sample->pcs.size(), sample->pcs.data()};
      break;
    case 5:
      sample->record =
          AllocRecord{RandomApi<HeapApi>(random), number(), number(), number(), number(), limit()};
      break;
    case 6:
      sample->record =
          FreeRecord{RandomApi<HeapApi>(random), number(), number(), number(), number()};
      break;
    case 7:
      sample->record = ReallocRecord{RandomApi<HeapApi>(random),
                                     number(),
                                     number(),
                                     number(),
                                     number(),
                                     number(),
                                     number(),
                                     number(),
                                     limit()};
      break;
    case 8:
      for (WaitCut& cut : sample->cuts) cut = {number(), number(), number(), number()};
      sample->record = LockWaitRecord{RandomApi<LockApi>(random),
                                      number(),
                                      number(),
                                      number(),
                                      number(),
                                      number(),
                                      number(),
                                      number(),
                                      sample->cuts.size(),
                                      sample->cuts.data()};
      break;
    case 9:
      sample->record = LockAcquireRecord{
          RandomApi<LockApi>(random), number(), number(), number(), number(), number()};
      break;
    case 15:
      sample->record = LockReleaseRecord{RandomApi<LockApi>(random), number(), number(), number()};
      break;
    case 16:
      sample->record = LockSectionRecord{RandomApi<LockApi>(random),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number(),
                                         number()};
      break;
    case 19:
      sample->record = AllocatorCallRecord{
          RandomApi<HeapApi>(random),  number(), number(), number(), number(), number(),
          number() % kGreatestInterval};
      break;
    case 20:
      sample->record = MemoryRecord{number(), number(), number(), number(),
                                    number(), number(), number(), number()};
      break;
    case 21:
      sample->record = PeakResidentRecord{number(), number(), number()};
      break;
    case 22:
      sample->record = NodeRecord{number(), number()};
      break;
    case 10:
      sample->record = IntervalRecord{number(), number() % kGreatestInterval};
      break;
    case 11:
      sample->record = MarkRecord{number(), sample->text[0]};
      break;
    case 12:
      sample->record = UnseenRecord{number(), sample->text[0]};
      break;
    case 13:
      sample->record = ResetRecord{};
      break;
    case 14:
      sample->record = ThinRecord{number(), number() % kGreatestInterval};
      break;
    case 17:
      sample->record = LockFrameRecord{number(), number(), number()};
      break;
    case 18:
      sample->record = LockMappingRecord{number(), number(), number(), number(), sample->text[0]};
      break;
    default:
      sample->record = ClockRecord{number(), number(), number()};
  }
}

size_t SizeLimit(const Record& record, const Sample& sample) {
  if (const auto* stack = std::get_if<StackRecord>(&record)) return MaxStackRecord(stack->count);
  if (const auto* wait = std::get_if<LockWaitRecord>(&record)) return MaxWaitRecord(wait->count);
  if (std::holds_alternative<LockSectionRecord>(record)) return kMaxSectionRecord;
  return MaxTextRecord(sample.text[0].size() + sample.text[1].size());
}

TEST(EventCodec, AnyRecordsInAnyOrderComeBackAsTheyWere) {
  std::mt19937_64 random(20240501);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Sample> samples(random() % 40);
    std::vector<uint8_t> bytes(samples.size() * MaxStackRecord(64));
    EncoderSide side(false);
    Encoder encoder(bytes.data(), &side.state);
    for (Sample& sample : samples) {
      Fill(&sample, &random);
      const size_t before = encoder.size();
      side.Put(sample.record, &encoder);
      EXPECT_LE(encoder.size() - before, SizeLimit(sample.record, sample));
    }
    const auto state = std::make_unique<DecoderState>();
    Decoder decoder(std::span<const uint8_t>(bytes.data(), encoder.size()), state.get());
    Record decoded;
    for (const Sample& sample : samples) {
      ASSERT_TRUE(decoder.Next(&decoded)) << decoder.error();
      ASSERT_EQ(decoded.index(), sample.record.index());
      ASSERT_EQ(std::visit(FieldsOf(), decoded), std::visit(FieldsOf(), sample.record));
    }
    EXPECT_FALSE(decoder.Next(&decoded));
    EXPECT_EQ(decoder.error(), nullptr);
    EXPECT_EQ(decoder.offset(), encoder.size());
  }
}

// ---- with tables ----

// A thread that allocates and frees as programs do and as they do not: few places and many, blocks that come back and
// blocks that never do, other threads' blocks, clocks that go back.
class RandomThread {
 public:
  explicit RandomThread(uint64_t seed) : random_(seed), places_(1 + random_() % 3000) {}

  void Next(Sample* sample) {
    time_ += random_() % 4 == 0 ? random_() % 100000 : random_() % 600;
    if (random_() % 50 == 0) time_ -= std::min<uint64_t>(time_, random_() % 1000);
    switch (random_() % 16) {
      case 0:
        return Anything(sample);
      case 1:
        sample->record = ReallocRecord{HeapApi::kRealloc,
                                       kReallocEndsOld | kReallocBeginsNew,
                                       time_,
                                       random_() % 5000,
                                       Old(),
                                       Address(),
                                       Size(),
                                       Stack()};
        return;
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        sample->record = FreeRecord{Pick({HeapApi::kFree, HeapApi::kDelete, HeapApi::kRealloc}), 0,
                                    time_, Old(), Stack()};
        return;
      default:
        sample->record = AllocRecord{Pick({HeapApi::kMalloc, HeapApi::kNew, HeapApi::kCalloc}),
                                     time_, Address(), Size(), Stack()};
        live_.push_back(std::get<AllocRecord>(sample->record).address);
    }
  }

 private:
  // Any other record; heap events of sampled mode among them.
  void Anything(Sample* sample) {
    do {
      Fill(sample, &random_);
      if (auto* alloc = std::get_if<AllocRecord>(&sample->record)) {
        *alloc = {alloc->api, time_, Address(), alloc->size, alloc->stack, alloc->limit & 63};
      } else if (auto* free = std::get_if<FreeRecord>(&sample->record)) {
        *free = {free->api, kFreeTemporary, time_, Address(), free->stack};
      } else if (auto* realloc = std::get_if<ReallocRecord>(&sample->record)) {
        *realloc = {realloc->api, kReallocEndsOld, time_, 7, Address(), Address(), 100, 3};
      }
    } while (std::holds_alternative<ResetRecord>(sample->record) && random_() % 20 != 0);
  }
  HeapApi Pick(std::initializer_list<HeapApi> from) {
    return from.begin()[random_() % from.size()];
  }
  uint64_t Stack() { return random_() % 4 == 0 ? random_() % places_ : random_() % 7; }
  uint64_t Size() {
    const uint64_t sizes[] = {24, 64, 100, random_() % 2000, random_() % (uint64_t{1} << 40)};
    return sizes[random_() % 5];
  }
  uint64_t Address() {
    switch (random_() % 8) {
      case 0:
        return random_() >> 7;  // of 57 bits, not aligned
      case 1:
        return last_ += 8;
      case 2:
        return live_.empty() ? 16 : live_[random_() % live_.size()];
      default:
        return last_ = 0x7f0000000000 + random_() % 100000 * 16;
    }
  }
  uint64_t Old() {
    if (live_.empty() || random_() % 10 == 0) return Address();
    const size_t at = random_() % 2 == 0 ? live_.size() - 1 : random_() % live_.size();
    const uint64_t address = live_[at];
    live_[at] = live_.back();
    live_.pop_back();
    return address;
  }

  std::mt19937_64 random_;
  uint64_t places_;
  uint64_t time_ = 1000;
  uint64_t last_ = 0x555500001000;
  std::vector<uint64_t> live_;
};

TEST(EventCodec, WithTablesEventsComeBackAndTimesAreRoundedDown) {
  constexpr size_t kEvents = 20000;
  size_t compact_bytes = 0, compact_events = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    RandomThread thread(seed);
    EncoderSide side(true);
    std::vector<uint8_t> bytes(MaxStackRecord(64));
    const auto state = std::make_unique<DecoderState>();
    RoundedTime time;
    for (size_t i = 0; i < kEvents; ++i) {
      Sample sample;
      thread.Next(&sample);
      Encoder encoder(bytes.data(), &side.state, side.tables.get());
      side.Put(sample.record, &encoder);
      ASSERT_LE(encoder.size(), SizeLimit(sample.record, sample));
      const bool is_event = bytes[0] >> token::kKindShift != token::kPlain;
      compact_events += is_event;
      compact_bytes += is_event ? encoder.size() : 0;
      Decoder decoder(std::span<const uint8_t>(bytes.data(), encoder.size()), state.get());
      Record decoded;
      ASSERT_TRUE(decoder.Next(&decoded)) << decoder.error();
      ASSERT_EQ(decoded.index(), sample.record.index());
      ASSERT_TRUE(time.Restore(sample.record, &decoded)) << i;
      ASSERT_EQ(std::visit(FieldsOf(), decoded), std::visit(FieldsOf(), sample.record)) << i;
      ASSERT_EQ(decoder.offset(), 0u);
      ASSERT_EQ(decoder.end(), encoder.size());
    }
  }
  EXPECT_GT(compact_events, 30 * kEvents / 2);
  printf("%.2f bytes an event of %zu\n", static_cast<double>(compact_bytes) / compact_events,
         compact_events);
}

TEST(EventCodec, AnEventOfTheWrongKindOfFunctionIsRefused) {
  // token, api, stack, ...: in full, as an encoder would for a site that is new.
  const uint8_t allocation_by_free[] = {token::kAllocNeither << 5 | prediction::kNew << 3,
                                        static_cast<uint8_t>(HeapApi::kFree), 0, 0, 0};
  const uint8_t no_function[] = {token::kAllocNeither << 5 | prediction::kNew << 3, 200, 0, 0, 0};
  for (const std::span<const uint8_t> bytes :
       {std::span<const uint8_t>(allocation_by_free), std::span<const uint8_t>(no_function)}) {
    const auto state = std::make_unique<DecoderState>();
    Decoder decoder(bytes, state.get());
    Record record;
    EXPECT_FALSE(decoder.Next(&record));
    EXPECT_NE(decoder.error(), nullptr);
  }
}

TEST(EventCodec, RecordsThatAreCutAreErrorsAtTheirBeginning) {
  std::vector<uint8_t> bytes(1000);
  for (const bool has_tables : {false, true}) {
    EncoderSide side(has_tables);
    Encoder encoder(bytes.data(), &side.state, side.tables.get());
    encoder.Put(AllocRecord{HeapApi::kMalloc, 5, 0x1000, 64, 1});
    const size_t second = encoder.size();
    encoder.Put(ThreadRecord{1, 2, "name"});
    for (size_t size = second + 1; size < encoder.size(); ++size) {
      const auto state = std::make_unique<DecoderState>();
      Decoder decoder(std::span<const uint8_t>(bytes.data(), size), state.get());
      Record record;
      ASSERT_TRUE(decoder.Next(&record));
      ASSERT_FALSE(decoder.Next(&record));
      EXPECT_NE(decoder.error(), nullptr);
      EXPECT_EQ(decoder.offset(), second);
      EXPECT_FALSE(decoder.Next(&record)) << "an error is final";
    }
  }
}

TEST(EventCodec, AnIntervalThatNoAgentWritesIsRefused) {
  for (const uint64_t interval : {kGreatestInterval + 1, UINT64_MAX}) {
    uint8_t bytes[kMaxPlainRecord];
    CodecState codec;
    Encoder encoder(bytes, &codec);
    encoder.Put(IntervalRecord{1, interval});
    const auto state = std::make_unique<DecoderState>();
    Decoder decoder(std::span<const uint8_t>(bytes, encoder.size()), state.get());
    Record record;
    EXPECT_FALSE(decoder.Next(&record)) << interval;
    EXPECT_STREQ(decoder.error(), "sampling interval out of range");
  }
}

TEST(EventCodec, RandomBytesNeverReadOutsideTheirBounds) {
  std::mt19937_64 random(7);
  const auto state = std::make_unique<DecoderState>();
  for (int round = 0; round < 20000; ++round) {
    // Exactly as large as needed: the address sanitizer sees any byte too many.
    std::vector<uint8_t> bytes(random() % 64);
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(random() % 3 == 0 ? random() : random() % 15);
    }
    Decoder decoder(bytes, state.get());
    Record record;
    while (decoder.Next(&record)) {
      if (std::holds_alternative<StackRecord>(record)) FieldsOf()(std::get<StackRecord>(record));
    }
    EXPECT_LE(decoder.offset(), bytes.size());
  }
}

}  // namespace
}  // namespace perfagent

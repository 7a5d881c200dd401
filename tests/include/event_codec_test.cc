#include "perfagent/event_codec.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace perfagent {
namespace {

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
      sample->record =
          StackRecord{number(), number(), number(), sample->pcs.size(), sample->pcs.data(), {}};
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
      sample->record = LockWaitRecord{
          RandomApi<LockApi>(random), number(), number(), number(), number(), number()};
      break;
    case 9:
      sample->record = LockAcquireRecord{RandomApi<LockApi>(random), number(), number(), number()};
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
      sample->record = ThinRecord{number(), number() % kGreatestInterval};
      break;
    default:
      sample->record = ClockRecord{number(), number(), number()};
  }
}

// Every field as a number or a text, so that one comparison serves all records.
struct Fields {
  std::vector<uint64_t> numbers;
  std::vector<std::string> texts;
  friend bool operator==(const Fields&, const Fields&) = default;
};

std::vector<uint64_t> PcsOf(const StackRecord& r) {
  if (r.pcs != nullptr) return {r.pcs, r.pcs + r.count};
  std::vector<uint64_t> pcs;
  UnpackFrames(r, [&pcs](uint64_t pc) { pcs.push_back(pc); });
  return pcs;
}

struct FieldsOf {
  Fields operator()(const ThreadRecord& r) const {
    return {{r.time, r.tid}, {std::string(r.name)}};
  }
  Fields operator()(const ThreadEndRecord& r) const { return {{r.time}, {}}; }
  Fields operator()(const ModuleLoadRecord& r) const {
    return {{r.time, r.epoch, r.start, r.end, r.bias},
            {std::string(r.build_id), std::string(r.path)}};
  }
  Fields operator()(const ModuleUnloadRecord& r) const { return {{r.time, r.epoch, r.start}, {}}; }
  Fields operator()(const StackRecord& r) const {
    Fields fields{{r.id, r.epoch, r.flags, r.count}, {}};
    for (const uint64_t pc : PcsOf(r)) fields.numbers.push_back(pc);
    return fields;
  }
  Fields operator()(const AllocRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.time, r.address, r.size, r.stack, r.limit}, {}};
  }
  Fields operator()(const FreeRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.flags, r.time, r.address, r.stack}, {}};
  }
  Fields operator()(const ReallocRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.flags, r.time, r.duration, r.old_address,
             r.new_address, r.size, r.stack, r.limit},
            {}};
  }
  Fields operator()(const LockWaitRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.result, r.time, r.wait, r.lock, r.stack}, {}};
  }
  Fields operator()(const LockAcquireRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.time, r.lock, r.stack}, {}};
  }
  Fields operator()(const IntervalRecord& r) const { return {{r.time, r.interval_bytes}, {}}; }
  Fields operator()(const MarkRecord& r) const { return {{r.time}, {std::string(r.text)}}; }
  Fields operator()(const UnseenRecord& r) const { return {{r.time}, {std::string(r.path)}}; }
  Fields operator()(const ClockRecord& r) const {
    return {{r.time, r.monotonic_ns, r.realtime_ns}, {}};
  }
  Fields operator()(const ThinRecord& r) const { return {{r.time, r.interval_bytes}, {}}; }
};

size_t SizeLimit(const Record& record, const Sample& sample) {
  if (const auto* stack = std::get_if<StackRecord>(&record)) return MaxStackRecord(stack->count);
  return MaxTextRecord(sample.text[0].size() + sample.text[1].size());
}

TEST(EventCodec, AnyRecordsInAnyOrderComeBackAsTheyWere) {
  std::mt19937_64 random(20240501);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Sample> samples(random() % 40);
    std::vector<uint8_t> bytes(samples.size() * MaxStackRecord(64));
    CodecState state;
    Encoder encoder(bytes.data(), &state);
    for (Sample& sample : samples) {
      Fill(&sample, &random);
      const size_t before = encoder.size();
      std::visit([&](const auto& r) { encoder.Put(r); }, sample.record);
      EXPECT_LE(encoder.size() - before, SizeLimit(sample.record, sample));
    }
    Decoder decoder(std::span<const uint8_t>(bytes.data(), encoder.size()));
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

TEST(EventCodec, RecordsThatAreCutAreErrorsAtTheirBeginning) {
  std::vector<uint8_t> bytes(1000);
  CodecState state;
  Encoder encoder(bytes.data(), &state);
  encoder.Put(AllocRecord{HeapApi::kMalloc, 5, 0x1000, 64, 1});
  const size_t second = encoder.size();
  encoder.Put(ThreadRecord{1, 2, "name"});
  for (size_t size = second + 1; size < encoder.size(); ++size) {
    Decoder decoder(std::span<const uint8_t>(bytes.data(), size));
    Record record;
    ASSERT_TRUE(decoder.Next(&record));
    ASSERT_FALSE(decoder.Next(&record));
    EXPECT_NE(decoder.error(), nullptr);
    EXPECT_EQ(decoder.offset(), second);
    EXPECT_FALSE(decoder.Next(&record)) << "an error is final";
  }
}

TEST(EventCodec, AnIntervalThatNoAgentWritesIsRefused) {
  for (const uint64_t interval : {kGreatestInterval + 1, UINT64_MAX}) {
    uint8_t bytes[kMaxPlainRecord];
    CodecState state;
    Encoder encoder(bytes, &state);
    encoder.Put(IntervalRecord{1, interval});
    Decoder decoder(std::span<const uint8_t>(bytes, encoder.size()));
    Record record;
    EXPECT_FALSE(decoder.Next(&record)) << interval;
    EXPECT_STREQ(decoder.error(), "sampling interval out of range");
  }
}

TEST(EventCodec, RandomBytesNeverReadOutsideTheirBounds) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20000; ++round) {
    // Exactly as large as needed: the address sanitizer sees any byte too many.
    std::vector<uint8_t> bytes(random() % 64);
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(random() % 3 == 0 ? random() : random() % 15);
    }
    Decoder decoder(bytes);
    Record record;
    while (decoder.Next(&record)) {
      if (const auto* stack = std::get_if<StackRecord>(&record)) PcsOf(*stack);
    }
    EXPECT_LE(decoder.offset(), bytes.size());
  }
}

}  // namespace
}  // namespace perfagent

// codec_fuzz.cc: a thread's heap events, encoded with tables, must come back; and any bytes at all must be decoded or refused.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "perfagent/event_codec.h"
#include "tests/support/round_trip.h"

namespace perfagent::test {
namespace {

// Reads the fuzzer's bytes as a program: an operation and its operands.
class Script {
 public:
  explicit Script(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool IsOver() const { return bytes_.empty(); }
  uint64_t Byte() {
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  uint64_t Number() {
    const uint64_t byte = Byte();
    return byte < 200 ? byte : Byte() << (byte % 40) | Byte();
  }

  Record Event() {
    time_ += Number();
    switch (Byte() % 8) {
      case 0:
        time_ -= std::min(time_, Number());
        [[fallthrough]];
      case 1:
        return ReallocRecord{HeapApi::kRealloc,
                             kReallocEndsOld | kReallocBeginsNew,
                             time_,
                             Number(),
                             Block(),
                             Block(),
                             Number(),
                             Number()};
      case 2:
        return Byte() < 250 ? Record(Free(0)) : Record(ResetRecord{});
      case 3:
        return AllocRecord{HeapApi::kNew, time_,    Block(),
                           Number(),      Number(), static_cast<uint32_t>(Byte())};
      case 4:
        return Free(Byte() % 8 == 0 ? kFreeTemporary : 0);
      case 5:
        return Stack();
      default:
        return AllocRecord{HeapApi::kMalloc, time_, Block(), Number(), Number()};
    }
  }

 private:
  FreeRecord Free(uint64_t flags) { return {HeapApi::kFree, flags, time_, Block(), Number()}; }
  uint64_t Block() {
    const uint64_t choice = Byte();
    if (choice < 128) return 0x7f0000000000 + choice * 16;
    return (Number() << 20 ^ Number()) & ((uint64_t{1} << 57) - 1);
  }
  StackRecord Stack() {
    pcs_.resize(Byte() % 16);
    for (uint64_t& pc : pcs_) pc = Byte() < 128 ? 0x401000 + Byte() : Number() << 40 ^ Number();
    return {Number(), Number(), Byte(), Byte() % 2, pcs_.size(), pcs_.data()};
  }

  std::span<const uint8_t> bytes_;
  uint64_t time_ = 0;
  std::vector<uint64_t> pcs_;
};

void Require(bool is_so, const char* what) {
  if (is_so) return;
  fprintf(stderr, "codec_fuzz: %s\n", what);
  abort();
}

void RoundTrip(std::span<const uint8_t> bytes) {
  Script script(bytes);
  EncoderSide side(true);
  const auto state = std::make_unique<DecoderState>();
  RoundedTime time;
  uint8_t buffer[MaxStackRecord(16)];
  while (!script.IsOver()) {
    const Record truth = script.Event();
    Encoder encoder(buffer, &side.state, side.tables.get());
    side.Put(truth, &encoder);
    Require(encoder.size() <= sizeof buffer, "longer than it may be");
    Decoder decoder({buffer, encoder.size()}, state.get());
    Record decoded;
    Require(decoder.Next(&decoded), "refused");
    Require(decoder.end() == encoder.size(), "not all of it was read");
    Require(decoded.index() == truth.index(), "another kind of record");
    Require(time.Restore(truth, &decoded), "another time");
    Require(std::visit(FieldsOf(), decoded) == std::visit(FieldsOf(), truth), "other fields");
  }
}

void DecodeAnything(const uint8_t* data, size_t size) {
  const auto state = std::make_unique<DecoderState>();
  Decoder decoder({data, size}, state.get());
  Record record;
  while (decoder.Next(&record)) std::visit(FieldsOf(), record);
  Require(decoder.offset() <= size, "read outside");
}

}  // namespace
}  // namespace perfagent::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  perfagent::test::RoundTrip({data, size});
  perfagent::test::DecodeAnything(data, size);
  return 0;
}

// round_trip.h: records before the encoder and after the decoder, to be compared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "perfagent/event_codec.h"

namespace perfagent::test {

// Every field as a number or a text, so that one comparison serves all records.
struct Fields {
  std::vector<uint64_t> numbers;
  std::vector<std::string> texts;
  friend bool operator==(const Fields&, const Fields&) = default;
};

inline std::vector<uint64_t> PcsOf(const StackRecord& r) { return {r.pcs, r.pcs + r.count}; }

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
    Fields fields{{r.first_id, r.parent, r.epoch, r.flags, r.count}, {}};
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
    Fields fields{{static_cast<uint64_t>(r.api), r.flags, r.result, r.time, r.wait, r.lock, r.stack,
                   r.interval, r.count},
                  {}};
    for (const WaitCut& cut : std::span<const WaitCut>(r.cuts, r.count)) {
      fields.numbers.insert(fields.numbers.end(), {cut.after, cut.stream, cut.stack, cut.flags});
    }
    return fields;
  }
  Fields operator()(const LockReleaseRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.time, r.lock, r.stack}, {}};
  }
  Fields operator()(const LockSectionRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.flags, r.time, r.hold, r.running_ns, r.lock, r.stack,
             r.interval, r.wait, r.allocations, r.bytes, r.allocator, r.waits, r.waited, r.idle},
            {}};
  }
  Fields operator()(const LockAcquireRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.time, r.lock, r.stack, r.interval, r.outer}, {}};
  }
  Fields operator()(const AllocatorCallRecord& r) const {
    return {{static_cast<uint64_t>(r.api), r.time, r.duration, r.size, r.usable, r.every,
             r.interval_bytes},
            {}};
  }
  Fields operator()(const MemoryRecord& r) const {
    return {{r.time, r.anonymous, r.file, r.shared, r.stack, r.swapped, r.mapped, r.dump}, {}};
  }
  Fields operator()(const PeakResidentRecord& r) const { return {{r.time, r.bytes, r.flags}, {}}; }
  Fields operator()(const NodeRecord& r) const { return {{r.time, r.node}, {}}; }
  Fields operator()(const IntervalRecord& r) const { return {{r.time, r.interval_bytes}, {}}; }
  Fields operator()(const MarkRecord& r) const { return {{r.time}, {std::string(r.text)}}; }
  Fields operator()(const UnseenRecord& r) const { return {{r.time}, {std::string(r.path)}}; }
  Fields operator()(const LockFrameRecord& r) const { return {{r.lock, r.thread, r.stack}, {}}; }
  Fields operator()(const LockMappingRecord& r) const {
    return {{r.lock, r.device, r.inode, r.offset}, {std::string(r.path)}};
  }
  Fields operator()(const ClockRecord& r) const {
    return {{r.time, r.monotonic_ns, r.realtime_ns}, {}};
  }
  Fields operator()(const ResetRecord&) const { return {}; }
  Fields operator()(const ThinRecord& r) const { return {{r.time, r.interval_bytes}, {}}; }
};

// What one side knows.
struct EncoderSide {
  CodecState state;
  std::unique_ptr<prediction::EncoderTables> tables;

  explicit EncoderSide(bool has_tables) {
    if (has_tables) tables = std::make_unique<prediction::EncoderTables>();
  }
  void Put(const Record& record, Encoder* encoder) {
    std::visit([&](const auto& r) { encoder->Put(r); }, record);
    if (!std::holds_alternative<ResetRecord>(record)) return;
    state = {};
    if (tables != nullptr) *tables = {};
  }
};

// The documented rounding of times: down to units, where they do not go back.
class RoundedTime {
 public:
  // Puts the true times in place of the rounded ones. False: these are not what they should be.
  bool Restore(const Record& truth, Record* decoded) {
    if (std::holds_alternative<ResetRecord>(truth)) last_ = 0;
    return std::visit(
        [&](const auto& r) {
          if constexpr (requires { r.time; }) {
            return Check(r, &std::get<std::decay_t<decltype(r)>>(*decoded));
          } else {
            return true;
          }
        },
        truth);
  }

 private:
  template <typename R>
  static bool IsCompact(const R& r) {
    if constexpr (std::is_same_v<R, AllocRecord>) return r.limit == sampling::kNoLimit;
    if constexpr (std::is_same_v<R, FreeRecord>) return r.flags == 0;
    if constexpr (std::is_same_v<R, ReallocRecord>)
      return r.flags == (kReallocEndsOld | kReallocBeginsNew) && r.limit == sampling::kNoLimit;
    return false;
  }
  template <typename R>
  bool Check(const R& truth, R* decoded) {
    const uint64_t unit = truth.time / kTimeUnit;
    const bool is_compact = IsCompact(truth) && unit >= last_ / kTimeUnit;
    if (!is_compact) {
      last_ = truth.time;
    } else if (unit > last_ / kTimeUnit) {
      last_ = unit * kTimeUnit;
    }
    if (decoded->time != last_) return false;
    decoded->time = truth.time;
    if constexpr (std::is_same_v<R, ReallocRecord>) {
      if (!is_compact) return true;
      const uint64_t returned = (truth.time + truth.duration) / kTimeUnit * kTimeUnit;
      if (decoded->duration != (returned > last_ ? returned - last_ : 0)) return false;
      decoded->duration = truth.duration;
    }
    return true;
  }

  uint64_t last_ = 0;
};

}  // namespace perfagent::test

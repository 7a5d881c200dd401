// record_fields.h: what the plain records consist of in the file, in its order: one list for the encoder and the decoder.
//
// A member's type says how it is coded: numbers as varints, text as its length and bytes, an api as a number that is
// checked. Marked members are differences to the last of their sort, or checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "perfagent/records.h"

namespace perfagent::record_fields {

template <typename Record>
struct Time {
  constexpr explicit Time(uint64_t Record::*of) : member(of) {}
  uint64_t Record::*member;
};
template <typename Record>
struct BlockAddress {
  constexpr explicit BlockAddress(uint64_t Record::*of) : member(of) {}
  uint64_t Record::*member;
};
template <typename Record>
struct LockAddress {
  constexpr explicit LockAddress(uint64_t Record::*of) : member(of) {}
  uint64_t Record::*member;
};
template <typename Record>
struct Interval {
  constexpr explicit Interval(uint64_t Record::*of) : member(of) {}
  uint64_t Record::*member;
};

template <typename... Fields>
struct Layout {
  static constexpr size_t kFields = sizeof...(Fields);
  Tag tag;
  std::tuple<Fields...> fields;
};
template <typename... Fields>
constexpr auto Of(Tag tag, Fields... fields) {
  return Layout<Fields...>{tag, {fields...}};
}

// Records that have more than one form, or lists, are not plain: event_codec.h writes and reads them.
template <typename Record>
inline constexpr auto kLayout = nullptr;
template <typename Record>
concept Plain = !std::is_null_pointer_v<std::remove_cv_t<decltype(kLayout<Record>)>>;

template <>
inline constexpr auto kLayout<ThreadRecord> = Of(Tag::kThread, Time{&ThreadRecord::time},
                                                 &ThreadRecord::tid, &ThreadRecord::name);
template <>
inline constexpr auto kLayout<ThreadEndRecord> = Of(Tag::kThreadEnd, Time{&ThreadEndRecord::time});
template <>
inline constexpr auto kLayout<ModuleLoadRecord> =
    Of(Tag::kModuleLoad, Time{&ModuleLoadRecord::time}, &ModuleLoadRecord::epoch,
       &ModuleLoadRecord::start, &ModuleLoadRecord::end, &ModuleLoadRecord::bias,
       &ModuleLoadRecord::build_id, &ModuleLoadRecord::path);
template <>
inline constexpr auto kLayout<ModuleUnloadRecord> = Of(Tag::kModuleUnload,
                                                       Time{&ModuleUnloadRecord::time},
                                                       &ModuleUnloadRecord::epoch,
                                                       &ModuleUnloadRecord::start);
template <>
inline constexpr auto kLayout<FreeRecord> = Of(Tag::kFree, &FreeRecord::api, &FreeRecord::flags,
                                               Time{&FreeRecord::time},
                                               BlockAddress{&FreeRecord::address},
                                               &FreeRecord::stack);
template <>
inline constexpr auto kLayout<LockReleaseRecord> = Of(Tag::kLockRelease, &LockReleaseRecord::api,
                                                      Time{&LockReleaseRecord::time},
                                                      LockAddress{&LockReleaseRecord::lock},
                                                      &LockReleaseRecord::stack);
template <>
inline constexpr auto kLayout<LockAcquireRecord> = Of(Tag::kLockAcquire, &LockAcquireRecord::api,
                                                      Time{&LockAcquireRecord::time},
                                                      LockAddress{&LockAcquireRecord::lock},
                                                      &LockAcquireRecord::stack,
                                                      &LockAcquireRecord::interval,
                                                      &LockAcquireRecord::outer);
template <>
inline constexpr auto kLayout<LockSectionRecord> =
    Of(Tag::kLockSection, &LockSectionRecord::api, &LockSectionRecord::flags,
       Time{&LockSectionRecord::time}, &LockSectionRecord::hold, &LockSectionRecord::running_ns,
       LockAddress{&LockSectionRecord::lock}, &LockSectionRecord::stack,
       &LockSectionRecord::interval, &LockSectionRecord::wait, &LockSectionRecord::allocations,
       &LockSectionRecord::bytes, &LockSectionRecord::allocator, &LockSectionRecord::waits,
       &LockSectionRecord::waited, &LockSectionRecord::idle);
template <>
inline constexpr auto kLayout<AllocatorCallRecord> =
    Of(Tag::kAllocatorCall, &AllocatorCallRecord::api, Time{&AllocatorCallRecord::time},
       &AllocatorCallRecord::duration, &AllocatorCallRecord::size, &AllocatorCallRecord::usable,
       &AllocatorCallRecord::every, Interval{&AllocatorCallRecord::interval_bytes});
template <>
inline constexpr auto kLayout<MemoryRecord> = Of(Tag::kMemory, Time{&MemoryRecord::time},
                                                 &MemoryRecord::anonymous, &MemoryRecord::file,
                                                 &MemoryRecord::shared, &MemoryRecord::stack,
                                                 &MemoryRecord::swapped, &MemoryRecord::mapped,
                                                 &MemoryRecord::dump);
template <>
inline constexpr auto kLayout<PeakResidentRecord> = Of(Tag::kPeakResident,
                                                       Time{&PeakResidentRecord::time},
                                                       &PeakResidentRecord::bytes,
                                                       &PeakResidentRecord::flags);
template <>
inline constexpr auto kLayout<IntervalRecord> = Of(Tag::kInterval, Time{&IntervalRecord::time},
                                                   Interval{&IntervalRecord::interval_bytes});
template <>
inline constexpr auto kLayout<ThinRecord> = Of(Tag::kThin, Time{&ThinRecord::time},
                                               Interval{&ThinRecord::interval_bytes});
template <>
inline constexpr auto kLayout<NodeRecord> = Of(Tag::kNode, Time{&NodeRecord::time},
                                               &NodeRecord::node);
template <>
inline constexpr auto kLayout<MarkRecord> = Of(Tag::kMark, Time{&MarkRecord::time},
                                               &MarkRecord::text);
template <>
inline constexpr auto kLayout<UnseenRecord> = Of(Tag::kUnseen, Time{&UnseenRecord::time},
                                                 &UnseenRecord::path);
template <>
inline constexpr auto kLayout<LockFrameRecord> = Of(Tag::kLockFrame, &LockFrameRecord::lock,
                                                    &LockFrameRecord::thread,
                                                    &LockFrameRecord::stack);
template <>
inline constexpr auto kLayout<LockMappingRecord> = Of(Tag::kLockMapping, &LockMappingRecord::lock,
                                                      &LockMappingRecord::device,
                                                      &LockMappingRecord::inode,
                                                      &LockMappingRecord::offset,
                                                      &LockMappingRecord::path);
template <>
inline constexpr auto kLayout<ClockRecord> = Of(Tag::kClock, Time{&ClockRecord::time},
                                                &ClockRecord::monotonic_ns,
                                                &ClockRecord::realtime_ns);

}  // namespace perfagent::record_fields

#include "analyzer/report/lock_names.h"

#include <sys/sysmacros.h>

#include "absl/strings/str_cat.h"
#include "analyzer/model/heap_profile.h"

namespace perfagent {
namespace {

// Null where the block, or who allocated it, is not known.
const SourceFrame* AllocatorOf(const Lock& lock, StackNames* names) {
  return lock.allocation ? names->Headline(lock.allocation->stack) : nullptr;
}

// The function whose frame it is, not one that was inlined into it.
const SourceFrame* FunctionOf(uint64_t dump_stack, StackNames* names) {
  const Process& process = names->process();
  const std::vector<Frame> frames =
      process.Frames(process.FindStack(dump_stack).value_or(kNoStack));
  return frames.empty() ? nullptr : &names->FramesAt(frames.front())->back();
}

// Null when it is not known, or there were several.
const SourceFrame* OnlyFunctionOf(const LockHome& home, StackNames* names) {
  const SourceFrame* only = nullptr;
  for (const uint64_t stack : home.frames) {
    const SourceFrame* function = FunctionOf(stack, names);
    if (function == nullptr || function->function.empty()) return nullptr;
    if (only != nullptr && only->function != function->function) return nullptr;
    if (only == nullptr) only = function;
  }
  return only;
}

// Numbers that another process of the same program has others of: addresses and thread ids.
enum class OwnNumbers { kSaid, kLeftOut };

std::string NameOfThread(uint64_t tid, const Process& process, OwnNumbers numbers) {
  const std::string name(process.ThreadName(tid));
  if (numbers == OwnNumbers::kLeftOut) return name.empty() ? "a thread" : "thread " + name;
  return name.empty() ? absl::StrCat("thread ", tid)
                      : absl::StrCat("thread ", tid, " (", name, ")");
}

std::string PlaceOf(const SourceFrame& frame) {
  if (frame.file.empty()) return frame.function;
  return absl::StrCat(frame.function, " (", frame.file, ":", frame.line, ")");
}

std::string NameOnStack(const StackHome& home, const Process& process, OwnNumbers numbers) {
  const std::string thread = NameOfThread(home.tid, process, numbers);
  if (home.frame == nullptr) return absl::StrCat("on the stack of ", thread);
  return absl::StrCat("in the frame of ", PlaceOf(*home.frame), " of ", thread);
}

std::string NameByFirstWait(const Lock& lock, StackNames* names) {
  const SourceFrame* waiter = names->Headline(lock.first_wait);
  if (waiter == nullptr && !lock.callers.empty()) waiter = names->Headline(lock.callers.front().pc);
  return waiter == nullptr ? "" : absl::StrCat("first waited for in ", waiter->function);
}

std::string NameOf(const Lock& lock, StackNames* names, OwnNumbers numbers) {
  if (const SourceFrame* allocator = AllocatorOf(lock, names))
    return absl::StrCat(allocator->function, "+0x", absl::Hex(lock.allocation->offset));
  std::string name = Name(lock.kind);
  if (numbers == OwnNumbers::kSaid) absl::StrAppend(&name, " 0x", absl::Hex(lock.address));
  if (const std::optional<StackHome> home = StackHomeOf(lock, names))
    return absl::StrCat(name, ", ", NameOnStack(*home, names->process(), numbers));
  if (const MappedFile* file = FileOf(lock, *names))
    return absl::StrCat(file->path, "+0x", absl::Hex(file->offset));
  if (std::string data = names->DataName(lock.address); !data.empty()) return data;
  const std::string waited_for = NameByFirstWait(lock, names);
  return waited_for.empty() ? name : absl::StrCat(name, ", ", waited_for);
}

}  // namespace

std::optional<StackHome> StackHomeOf(const Lock& lock, StackNames* names) {
  const LockHome* home = names->process().lock_homes().Of(lock.address);
  if (home == nullptr || home->threads.size() != 1) return std::nullopt;
  return StackHome{*home->threads.begin(), OnlyFunctionOf(*home, names)};
}

const MappedFile* FileOf(const Lock& lock, const StackNames& names) {
  const LockHome* home = names.process().lock_homes().Of(lock.address);
  return home != nullptr && home->files.size() == 1 ? &*home->files.begin() : nullptr;
}

std::string DeviceText(uint64_t device) { return absl::StrCat(major(device), ":", minor(device)); }

std::string LockName(const Lock& lock, StackNames* names) {
  return NameOf(lock, names, OwnNumbers::kSaid);
}

std::string SharedLockName(const Lock& lock, StackNames* names) {
  return NameOf(lock, names, OwnNumbers::kLeftOut);
}

const char* LockNamedBy(const Lock& lock, StackNames* names) {
  if (AllocatorOf(lock, names) != nullptr) return "allocation";
  if (const std::optional<StackHome> home = StackHomeOf(lock, names))
    return home->frame != nullptr ? "frame" : "thread_stack";
  if (FileOf(lock, *names) != nullptr) return "mapping";
  return names->DataName(lock.address).empty() ? "first_wait" : "symbol";
}

}  // namespace perfagent

#include "agent/dump_writer.h"

#include <linux/fs.h>
#include <sys/resource.h>
#include <sys/statfs.h>

#include <cstring>
#include <string_view>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/counters.h"
#include "agent/process.h"
#include "agent/readable.h"
#include "agent/readings.h"
#include "agent/real.h"
#include "agent/sandbox.h"
#include "agent/say.h"
#include "perfagent/dump_header.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace perfagent::dump_writer {

namespace {

constexpr uint64_t kSmallestFile = kHeaderBytes + kSegmentBytes;

// Not on the stack: a forked child opens its dump wherever its first event is.
PathText path, wanted_path;
unsigned char* base;     // of the mapping; belongs to the process whose `own` is set
uint32_t segment_limit;  // segments that fit
// A file system may need milliseconds to find that it is full (btrfs commits first), and every event would ask. Where
// little is left it may say that there is room, and then look for it at every store to a page that it has cleaned: that is
// noticed by the time it takes (Stream::NoteStall), and tried again less and less often.
constexpr uint64_t kRetryAfterNs = 1000000000;
constexpr uint32_t kMostDoublings = 6;
std::atomic<uint64_t> next_try_ticks;
std::atomic<uint32_t> doublings;

uintptr_t reserve_begin, reserve_end;  // segments that are present already
dev_t file_device;
ino_t file_inode;

// One word in a page that fork wipes: is the mapping at `base` ours?
enum Ownership : uint32_t { kNotOurs = 0, kOpening, kOurs };
std::atomic<uint32_t>* own;

// ---- name ----

void Expand(std::string_view pattern, const process::Facts& facts, PathText* out) {
  if (pattern.empty() || pattern[0] != '/') *out << facts.working_directory << "/";
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      *out << std::string_view(&pattern[i], 1);
      continue;
    }
    switch (pattern[++i]) {
      case 'e':
        *out << facts.program;
        break;
      case 'p':
        *out << uint64_t{facts.pid};
        break;
      case 'h':
        *out << facts.host;
        break;
      case 't':
        *out << clock::Started().realtime_ns / 1000000000;
        break;
      case '%':
        *out << "%";
        break;
      default:  // not ours: kept as it stands
        *out << std::string_view(&pattern[i - 1], 2);
    }
  }
}

// Opens a file that did not exist: NAME, else NAME.1, NAME.2 ... Nothing is overwritten, no link is followed.
int CreateFile() {
  constexpr int kMostTries = 10000;
  constexpr int kExists = 17;
  int fd = -kExists;
  for (int suffix = 0; fd == -kExists && suffix < kMostTries; ++suffix) {
    path.Clear();
    path << wanted_path.view();
    if (suffix != 0) path << "." << static_cast<uint64_t>(suffix);
    fd = sys::Open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }
  return fd;
}

// ---- size ----

uint64_t AddressSpaceLeft() {
  rlimit limit = {};
  if (sys::Call(SYS_prlimit64, 0, RLIMIT_AS, 0, sys::Word(&limit)) != 0 ||
      limit.rlim_cur == RLIM_INFINITY) {
    return ~uint64_t{0};
  }
  char text[128];
  uint64_t pages = 0;
  if (sys::ReadFile("/proc/self/statm", text, sizeof text) > 0) {
    for (const char* c = text; *c >= '0' && *c <= '9'; ++c) {
      pages = pages * 10 + static_cast<uint64_t>(*c - '0');
    }
  }
  const uint64_t used = pages * 4096;
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

uint64_t FileSize() {
  uint64_t size = config.max_size;
  rlimit limit = {};
  if (sys::Call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, sys::Word(&limit)) == 0 &&
      limit.rlim_cur < size) {
    size = limit.rlim_cur;
  }
  // A limited guest was measured without the agent: it keeps nearly all of what it had left.
  const uint64_t room = AddressSpaceLeft() / 32;
  if (room < size) size = room;
  if (size < kHeaderBytes) return 0;
  return kHeaderBytes + (size - kHeaderBytes) / kSegmentBytes * kSegmentBytes;
}

// On btrfs, copy-on-write turns a populated page's write-back into a new allocation that can fail later; without it,
// MADV_POPULATE_WRITE reports a full disk there too. Only possible while the file is empty.
void DisableCopyOnWrite(int fd) {
  constexpr long kBtrfsMagic = 0x9123683E;
  struct statfs system = {};
  if (sys::Call(SYS_fstatfs, fd, sys::Word(&system)) != 0 || system.f_type != kBtrfsMagic) return;
  long flags = 0;
  if (sys::Call(SYS_ioctl, fd, FS_IOC_GETFLAGS, sys::Word(&flags)) != 0) return;
  flags |= FS_NOCOW_FL;
  sys::Call(SYS_ioctl, fd, FS_IOC_SETFLAGS, sys::Word(&flags));
}

// ---- header ----

template <size_t kSize>
void CopyText(char (&out)[kSize], std::string_view text) {
  const size_t count = text.size() < kSize - 1 ? text.size() : kSize - 1;
  memcpy(out, text.data(), count);
  out[count] = 0;
}

void FillClock(HeaderPage* h) {
  const clock::Reading start = clock::Started();
  const clock::Reading calibration = clock::Calibrated();
  h->clock = clock::UsesTsc() ? Clock::kTsc : Clock::kMonotonic;
  h->start_ticks = start.ticks;
  h->start_monotonic_ns = start.monotonic_ns;
  h->start_realtime_ns = start.realtime_ns;
  h->calibration_ticks = calibration.ticks;
  h->calibration_monotonic_ns = calibration.monotonic_ns;
  h->calibration_realtime_ns = calibration.realtime_ns;
}

void FillHeader(const process::Facts& facts, uint64_t size) {
  HeaderPage* h = reinterpret_cast<HeaderPage*>(base);
  const bool sampled = config.mode == RunMode::kSample;
  h->file_bytes = size;
  h->process_start_ticks = facts.start_ticks;
  h->interval_bytes = sampled ? config.interval_bytes : 0;
  h->wait_interval_ticks = clock::TicksOf(process::kWaitIntervalNs);
  h->acquire_interval = process::kAcquireInterval;
  h->seed = facts.seed;
  h->pid = facts.pid;
  h->parent_pid = facts.parent_pid;
  h->mode = sampled ? Mode::kSample : Mode::kFull;
  h->heap_enabled = config.heap;
  h->locks_enabled = config.locks;
  h->max_frames = static_cast<uint32_t>(config.depth);
  h->interval_is_auto = sampled && config.interval_bytes == 0;
  h->budget_ppm = config.budget_ppm;
  CopyText(h->host, facts.host);
  CopyText(h->executable, facts.executable);
  CopyText(h->command_line, facts.command_line);
  CopyText(h->allocator, facts.allocator);
  CopyText(h->bypassed_by, facts.bypassed_by);
  FillClock(h);
  h->paused.store(config.paused);
  SetFormat(h);
  h->checksum = XXH3_64bits(h, offsetof(HeaderPage, checksum));
}

bool Refuse(int fd, std::string_view what, long error) {
  if (fd >= 0) {
    sys::Close(fd);
    sys::Unlink(path.c_str());
  }
  Say("not recording: ", what, " (error ", static_cast<uint64_t>(-error), ")");
  return false;
}

}  // namespace

HeaderPage* Header() {
  if (own == nullptr || own->load(std::memory_order_acquire) != kOurs) return nullptr;
  return reinterpret_cast<HeaderPage*>(base);
}

const char* Path() { return path.c_str(); }

bool Start() {
  void* page = sys::Reserve(kPageBytes);
  if (page == nullptr || sys::Advise(page, kPageBytes, MADV_WIPEONFORK) != 0) {
    return Refuse(-1, "no memory for the ownership word", 0);
  }
  own = static_cast<std::atomic<uint32_t>*>(page);
  return true;
}

bool ClaimOpening() {
  uint32_t nobody = kNotOurs;
  return own->compare_exchange_strong(nobody, kOpening);
}

bool Open() {
  const process::Facts& facts = process::Current();
  const uint64_t size = FileSize();
  if (size < kSmallestFile)
    return Refuse(-1, "MAX_SIZE, RLIMIT_FSIZE or RLIMIT_AS leaves no room", 0);

  wanted_path.Clear();
  Expand(config.output, facts, &wanted_path);
  const int fd = CreateFile();
  if (fd < 0) {
    Say("not recording: cannot create ", wanted_path.view(), " (error ", static_cast<uint64_t>(-fd),
        ")");
    return false;
  }
  sys::Call(SYS_fchmod, fd, 0600);  // whatever the umask left of it
  DisableCopyOnWrite(fd);
  if (const int error = sys::Truncate(fd, size); error != 0) {
    return Refuse(fd, "cannot set the dump's size", error);
  }
  struct stat file = {};
  if (const int error = sys::Stat(fd, &file); error != 0)
    return Refuse(fd, "cannot stat the dump", error);
  void* mapping = sys::Map(size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
  if (mapping == nullptr) return Refuse(fd, "the file system does not share mappings", 0);
  sys::Advise(mapping, size, MADV_DONTFORK);
  if (const int error = sys::Advise(mapping, kHeaderBytes, MADV_POPULATE_WRITE); error != 0) {
    sys::Unmap(mapping, size);
    return Refuse(fd, "no room on disk for the dump's header", error);
  }
  sys::Close(fd);
  base = static_cast<unsigned char*>(mapping);
  // In a forked child both are its parent's: of another clock, and of another mapping.
  next_try_ticks.store(0);
  doublings.store(0);
  reserve_begin = reserve_end = 0;
  file_device = file.st_dev;
  file_inode = file.st_ino;
  segment_limit = static_cast<uint32_t>((size - kHeaderBytes) / kSegmentBytes);
  clock::Calibrate();
  readings::Start();
  FillHeader(facts, size);
  own->store(kOurs, std::memory_order_release);
  counters::Flush();
  return true;
}

SegmentHeader* ClaimSegment(Loss* cause) {
  std::atomic<uint32_t>& claimed = Header()->segments_claimed;
  uint32_t next = claimed.load();
  do {
    if ((next & kSegmentsClosed) != 0) {
      *cause = Loss::kAfterExit;
      return nullptr;
    }
    if (next >= segment_limit) {
      *cause = Loss::kFileFull;
      return nullptr;
    }
  } while (!claimed.compare_exchange_weak(next, next + 1));
  return reinterpret_cast<SegmentHeader*>(base + kHeaderBytes + size_t{next} * kSegmentBytes);
}

Usage Used() {
  return {Header()->segments_claimed.load(std::memory_order_relaxed) & ~kSegmentsClosed,
          segment_limit};
}

bool MakePresent(void* begin, void* end, Loss* cause) {
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin) & ~(kPageBytes - 1);
  const uintptr_t last = (reinterpret_cast<uintptr_t>(end) + kPageBytes - 1) & ~(kPageBytes - 1);
  if (first >= reserve_begin && last <= reserve_end) return true;
  if (!sandbox::MayAdvise()) {
    *cause = Loss::kSandboxed;
    return false;
  }
  *cause = Loss::kDiskFull;
  const uint64_t next_try = next_try_ticks.load(std::memory_order_relaxed);
  if (next_try != 0 && clock::Now() < next_try) return false;
  if (sys::Advise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_WRITE) == 0) {
    if (next_try != 0) next_try_ticks.store(0, std::memory_order_relaxed);
    return true;
  }
  next_try_ticks.store(clock::Now() + clock::TicksOf(kRetryAfterNs), std::memory_order_relaxed);
  return false;
}

void BackOff() {
  const uint32_t before = doublings.load(std::memory_order_relaxed);
  if (before < kMostDoublings) doublings.store(before + 1, std::memory_order_relaxed);
  next_try_ticks.store(clock::Now() + (clock::TicksOf(kRetryAfterNs) << before),
                       std::memory_order_relaxed);
}

bool IsRefused() { return next_try_ticks.load(std::memory_order_relaxed) != 0; }

void MakeReserve() {
  constexpr uint32_t kSegments = 128;  // 4 MiB
  const uint32_t next = Header()->segments_claimed.load();
  if (next >= segment_limit) return;  // or closed
  const uint32_t count = segment_limit - next < kSegments ? segment_limit - next : kSegments;
  unsigned char* begin = base + kHeaderBytes + size_t{next} * kSegmentBytes;
  if (sys::Advise(begin, count * kSegmentBytes, MADV_POPULATE_WRITE) != 0) return;
  reserve_begin = reinterpret_cast<uintptr_t>(begin);
  reserve_end = reserve_begin + count * kSegmentBytes;
}

void Close(EndState how, int exit_status, uint64_t end_ticks) {
  HeaderPage* header = Header();
  // From here on no segment is claimed: what lies behind those that are can be cut off without a later SIGBUS.
  const uint32_t claimed = header->segments_claimed.fetch_or(kSegmentsClosed);
  if ((claimed & kSegmentsClosed) != 0) return;
  header->exit_status.store(exit_status);
  header->end_ticks.store(end_ticks);
  header->end_state.store(how);
  if (sandbox::Entered()) return;  // the file keeps its sparse size
  const int fd = sys::Open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  struct stat file = {};
  if (sys::Stat(fd, &file) == 0 && file.st_dev == file_device && file.st_ino == file_inode) {
    sys::Truncate(fd, kHeaderBytes + uint64_t{claimed} * kSegmentBytes);
  }
  sys::Close(fd);
}

}  // namespace perfagent::dump_writer

// The observer of the checked agent: walks one in PERFAGENT_CHECK_WALKS (1: all) of the stacks that the agent takes with
// libunwind, too, and compares frame by frame. Both know nothing of each other: libunwind starts at the observer's own
// registers and walks out of the agent first.
//
// libunwind is loaded privately: linked, its _Unwind_* would come before the guest's own; and it is bound to libc before the
// agent's hooks, since its locks are none of the guest's. It caches what it reads of .eh_frame, and is told to forget when
// the loader says that an object has gone. It walks under the loader's lock, which it may need while it holds its own, and
// which a thread that frees within dlclose has already.
#define UNW_LOCAL_ONLY
#include "tests/agent/walk_check.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libunwind.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "agent/config.h"
#include "agent/modules.h"
#include "agent/sys.h"
#include "agent/unwind/spine.h"
#include "agent/walk_observer.h"

namespace perfagent {

namespace {

using test::WalkCounts;

constexpr uint64_t kMostShown = 20;
constexpr size_t kCachedFrames = 1 << 13;

#define PERFAGENT_TEXT(name) #name
#define PERFAGENT_SYMBOL(name) PERFAGENT_TEXT(name)
#define PERFAGENT_LIBUNWIND(name) \
  reinterpret_cast<decltype(&name)>(dlsym(library, PERFAGENT_SYMBOL(name)))

struct Libunwind {
  decltype(&UNW_ARCH_OBJ(getcontext)) getcontext;
  decltype(&unw_init_local) init_local;
  decltype(&unw_step) step;
  decltype(&unw_get_reg) get_reg;
  decltype(&unw_is_signal_frame) is_signal_frame;
  decltype(&unw_flush_cache) flush_cache;
  unw_addr_space_t space;
};
Libunwind libunwind;
uint64_t every = 1000;
std::atomic<uint64_t> unloads_seen;
WalkCounts* counts;  // null: nothing is checked
// A forked child is not checked unless it execs: it may have inherited the loader's lock from a thread that it lacks.
pid_t process;

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "walk_check: %s\n", what);
  abort();
}

void LoadLibunwind() {
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (library == nullptr) Fail(dlerror());
  libunwind = {PERFAGENT_LIBUNWIND(UNW_ARCH_OBJ(getcontext)),
               PERFAGENT_LIBUNWIND(unw_init_local),
               PERFAGENT_LIBUNWIND(unw_step),
               PERFAGENT_LIBUNWIND(unw_get_reg),
               PERFAGENT_LIBUNWIND(unw_is_signal_frame),
               PERFAGENT_LIBUNWIND(unw_flush_cache),
               *PERFAGENT_LIBUNWIND(unw_local_addr_space)};
  PERFAGENT_LIBUNWIND(unw_set_caching_policy)(libunwind.space, UNW_CACHE_GLOBAL);
  PERFAGENT_LIBUNWIND(unw_set_cache_size)(libunwind.space, kCachedFrames, 0);
}

WalkCounts* MapCounts(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  // Other processes may have written behind the page.
  if (fd < 0 || posix_fallocate(fd, 0, test::kWalkCountsBytes) != 0) Fail(path);
  void* page = mmap(nullptr, test::kWalkCountsBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) Fail("mmap");
  close(fd);
  return static_cast<WalkCounts*>(page);
}

// Before the agent starts, so that it records nothing of this.
[[gnu::constructor(101)]] void Start() {
  const char* path = getenv("PERFAGENT_CHECK_OUTPUT");
  if (path == nullptr) return;
  if (const char* number = getenv("PERFAGENT_CHECK_WALKS")) every = strtoull(number, nullptr, 10);
  if (every == 0) Fail("PERFAGENT_CHECK_WALKS must not be 0");
  LoadLibunwind();
  counts = MapCounts(path);
  process = getpid();
}

void Add(std::atomic<uint64_t>* counter, uint64_t n) {
  counter->fetch_add(n, std::memory_order_relaxed);
}

// Evenly, and without a period that the program's could fall in with.
bool IsDrawn() {
  const uint64_t number = counts->taken.fetch_add(1, std::memory_order_relaxed);
  return number * 0x9e3779b97f4a7c15 <= UINT64_MAX / every;
}

// No handler may jump out of libunwind and leave its locks behind, nor may the thread end in it: it reads and writes a pipe
// to try addresses, where threads are cancelled. libc's own functions do not block the signal that does this.
class Undisturbed {
 public:
  Undisturbed() {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_before_);
    SetMask(~uint64_t{0}, &mask_before_);
  }
  ~Undisturbed() {
    SetMask(mask_before_, nullptr);
    pthread_setcancelstate(cancel_before_, nullptr);
  }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

 private:
  static void SetMask(uint64_t mask, uint64_t* before) {
    sys::Call(SYS_rt_sigprocmask, SIG_SETMASK, sys::Word(&mask), sys::Word(before), sizeof mask);
  }
  uint64_t mask_before_;
  int cancel_before_;
};

// `work` is called once, with any of the loaded objects, under the loader's lock.
template <typename Work>
void WithLoaderLocked(Work work) {
  dl_iterate_phdr(
      [](dl_phdr_info* any, size_t, void* work) {
        (*static_cast<Work*>(work))(*any);
        return 1;
      },
      &work);
}

void ForgetWhatHasGone(const dl_phdr_info& any) {
  if (unloads_seen.exchange(any.dlpi_subs) != any.dlpi_subs)
    libunwind.flush_cache(libunwind.space, 0, 0);
}

// The guest's frames as libunwind sees them, leaf first.
class OracleWalk {
 public:
  explicit OracleWalk(unw_context_t* context) {
    libunwind.init_local(&cursor_, context);
    do {
      Step();
    } while (pc_ != 0 && modules::IsAgent(pc_));
  }
  // 0: the stack has ended.
  uint64_t pc() const { return pc_; }

  void Step() {
    pc_ = 0;
    if (libunwind.step(&cursor_) <= 0) return;
    libunwind.get_reg(&cursor_, UNW_REG_IP, &pc_);
    // A pc is one past the call; libunwind calls the interrupted function's frame the signal's.
    if (pc_ != 0 && libunwind.is_signal_frame(&cursor_) > 0) ++pc_;
  }

 private:
  unw_cursor_t cursor_;
  uint64_t pc_ = 0;
};

struct Walk {
  const uint64_t* pcs;
  size_t count;
  bool truncated;

  uint64_t FromLeaf(size_t frame) const { return pcs[count - 1 - frame]; }
};

// How many frames, from the leaf outward, are the same.
size_t FramesInCommon(const Walk& walk, OracleWalk* oracle) {
  size_t frame = 0;
  for (; frame < walk.count && oracle->pc() == walk.FromLeaf(frame); ++frame) oracle->Step();
  return frame;
}

// With what names it, for one who reads it.
void PrintFrame(FILE* out, const char* whose, size_t frame, uint64_t pc) {
  Dl_info info = {};
  dladdr(reinterpret_cast<void*>(pc - 1), &info);
  fprintf(out, "%s %4zu %#lx %s+%#lx %s\n", whose, frame, pc,
          info.dli_fname != nullptr ? info.dli_fname : "?",
          pc - reinterpret_cast<uint64_t>(info.dli_fbase),
          info.dli_sname != nullptr ? info.dli_sname : "?");
}

void Show(const Walk& walk, OracleWalk oracle, size_t common) {
  FILE* out = fopen(getenv("PERFAGENT_CHECK_OUTPUT"), "a");
  if (out == nullptr) return;
  fprintf(out, "process %d: %zu frames%s, the first %zu agree\n", getpid(), walk.count,
          walk.truncated ? ", truncated" : "", common);
  for (size_t i = 0; i < walk.count; ++i) PrintFrame(out, "agent", i, walk.FromLeaf(i));
  for (size_t i = 0; oracle.pc() != 0; oracle.Step(), ++i)
    PrintFrame(out, "libunwind", i, oracle.pc());
  fclose(out);
}

// What the comparison of a stack comes to; null: the same to the thread's start.
std::atomic<uint64_t>* Verdict(const Walk& walk, size_t common, bool oracle_has_more) {
  if (common < walk.count) return &counts->different;
  if (!walk.truncated) return oracle_has_more ? &counts->different : nullptr;
  if (walk.count >= config.depth) return &counts->cut;
  return oracle_has_more ? &counts->given_up : &counts->rootless;
}

void Compare(const Walk& walk, const OracleWalk& guest) {
  OracleWalk oracle = guest;
  const size_t common = FramesInCommon(walk, &oracle);
  Add(&counts->compared, 1);
  Add(&counts->frames, common);
  std::atomic<uint64_t>* verdict = Verdict(walk, common, oracle.pc() != 0);
  if (verdict == nullptr) return;
  const uint64_t before = verdict->fetch_add(1, std::memory_order_relaxed);
  const bool is_shown = verdict == &counts->different || verdict == &counts->given_up;
  if (is_shown && before < kMostShown) Show(walk, guest, common);
}

}  // namespace

void ObserveWalk(const uint64_t* pcs, size_t count, bool truncated) {
  if (counts == nullptr || count == 0 || getpid() != process || !IsDrawn()) return;
  const Undisturbed undisturbed;
  unw_context_t context;
  libunwind.getcontext(&context);
  WithLoaderLocked([&](const dl_phdr_info& any) {
    ForgetWhatHasGone(any);
    Compare({pcs, count, truncated}, OracleWalk(&context));
  });
}

// What was recognized is walked by rules from its start, with nothing kept, and then compared like all else.
void ObserveRecognized(const FrameState& from, uint64_t epoch, uint64_t hash,
                       Workspace* workspace) {
  static __thread Spine* spine;
  if (counts == nullptr || getpid() != process) return;
  if (spine == nullptr) spine = static_cast<Spine*>(calloc(1, sizeof(Spine)));
  spine->Clear();
  const bool is_same = spine->Walk(from, epoch, Spine::kMost, workspace) && spine->count() > 0 &&
                       spine->hash(spine->count() - 1) == hash;
  if (!is_same) Add(&counts->different, 1);
  Add(&counts->recognized, 1);
  ObserveWalk(spine->pcs(), spine->count(), spine->is_truncated());
}

}  // namespace perfagent

// small_stacks: allocates and waits for locks where there is little stack: on the smallest stack that a thread may have,
// or in a signal handler on an alternate stack. What overflows hits a page that is not there.
//
//   small_stacks thread|signal|tiny_signal
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "samples/truth.h"

static constexpr size_t kPage = 4096;
static constexpr size_t kRounds = 200;
static constexpr size_t kSize = 96;

static Tally tally;
static size_t acquisitions;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

NAMED void UseLittleStack() {
  void* p = std::malloc(kSize);
  Escape(p);
  tally.Allocated(kSize);
  p = std::realloc(p, 2 * kSize);
  Escape(p);
  tally.Freed(kSize);
  tally.Allocated(2 * kSize);
  pthread_mutex_lock(&mutex);
  ++acquisitions;
  pthread_mutex_unlock(&mutex);
  std::free(p);
  tally.Freed(2 * kSize);
}

// `size` bytes that end, below, at a page without access.
static void* GuardedStack(size_t size) {
  const size_t mapped = (size + kPage - 1) / kPage * kPage + kPage;
  char* base = static_cast<char*>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));
  if (base == MAP_FAILED || mprotect(base, kPage, PROT_NONE) != 0) std::exit(2);
  return base + kPage;
}

static void* RunAfterAWait(void*) {
  pthread_mutex_lock(&gate);  // main keeps it until this thread waits, mostly
  ++acquisitions;
  UseLittleStack();
  pthread_mutex_unlock(&gate);
  return nullptr;
}

static void InSmallThreads() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  void* stack = GuardedStack(PTHREAD_STACK_MIN);
  if (pthread_attr_setstack(&attributes, stack, PTHREAD_STACK_MIN) != 0) std::exit(2);
  for (size_t i = 0; i < kRounds; ++i) {
    pthread_mutex_lock(&gate);
    ++acquisitions;
    pthread_t thread;
    if (pthread_create(&thread, &attributes, RunAfterAWait, nullptr) != 0) std::exit(2);
    usleep(200);
    pthread_mutex_unlock(&gate);
    pthread_join(thread, nullptr);
  }
}

static void Handle(int) { UseLittleStack(); }

static void* Nothing(void*) { return nullptr; }

static void InHandlers(size_t size) {
  pthread_t thread;  // from here on locks are tried first: the process has had threads
  if (pthread_create(&thread, nullptr, Nothing, nullptr) != 0) std::exit(2);
  pthread_join(thread, nullptr);
  stack_t stack = {};
  stack.ss_sp = GuardedStack(size);
  stack.ss_size = size;
  struct sigaction action = {};
  action.sa_handler = Handle;
  action.sa_flags = SA_ONSTACK;
  if (sigaltstack(&stack, nullptr) != 0 || sigaction(SIGUSR1, &action, nullptr) != 0) std::exit(2);
  for (size_t i = 0; i < kRounds; ++i) raise(SIGUSR1);
}

int main(int argc, char** argv) {
  const char* where = argc > 1 ? argv[1] : "";
  if (std::strcmp(where, "thread") == 0) {
    InSmallThreads();
  } else if (std::strcmp(where, "signal") == 0) {
    InHandlers(static_cast<size_t>(sysconf(_SC_SIGSTKSZ)));
  } else if (std::strcmp(where, "tiny_signal") == 0) {
    // What the kernel itself puts there, and a page for the handler.
    InHandlers(static_cast<size_t>(sysconf(_SC_MINSIGSTKSZ)) + kPage);
  } else {
    return 2;
  }
  std::printf("truth acquisitions=%zu", acquisitions);
  tally.Print("UseLittleStack");
  std::printf("\n");
}

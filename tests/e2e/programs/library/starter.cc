// starter: its constructor, which runs under the loader's lock, allocates, locks, and starts a thread that loads another
// library. The constructor waits until the thread has allocated; what it loads comes after the constructor's end.
#include <dlfcn.h>

#include <atomic>
#include <string>

#include "tests/e2e/programs/guest.h"

static pthread_t thread;
static std::atomic<bool> allocated;
static void* loaded;

static void* Load(void*) {
  for (int i = 0; i < 100; ++i) AllocateAndLock(777);
  allocated = true;
  Dl_info here;
  if (dladdr(reinterpret_cast<void*>(&Load), &here) == 0) std::abort();
  std::string path = here.dli_fname;
  path.replace(path.rfind('/'), std::string::npos, "/libquiet_preload.so");
  loaded = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  return nullptr;
}

__attribute__((constructor)) static void Begin() {
  AllocateAndLock(50);
  if (pthread_create(&thread, nullptr, Load, nullptr) != 0) std::abort();
  while (!allocated) sched_yield();
}

// Whether the thread's library was loaded; the thread is over.
extern "C" bool JoinStarter() {
  pthread_join(thread, nullptr);
  return loaded != nullptr && dlclose(loaded) == 0;
}

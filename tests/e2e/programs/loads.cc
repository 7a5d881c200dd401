// loads: loads and unloads libraries that lie beside this program.
//
//   loads runpath     through libcaller.so, whose RUNPATH alone finds libhidden.so
//   loads threads     in one thread, while others allocate, lock, and call into another library
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "guest.h"

static std::string directory;

static void* Load(const char* name) {
  void* handle = dlopen((directory + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(3);
  }
  return handle;
}

template <typename Function>
static Function Symbol(void* handle, const char* name) {
  void* found = dlsym(handle, name);
  if (found == nullptr) std::exit(4);
  return reinterpret_cast<Function>(found);
}

static int LoadByRunpath() {
  Tally tally;
  void* caller = Load("/libcaller.so");
  std::printf("found by the program itself: %d\n", dlopen("libhidden.so", RTLD_NOW) != nullptr);
  std::printf("%s\n", dlerror());
  for (int round = 0; round < 20; ++round) {
    void* hidden = Symbol<void* (*)()>(caller, "CallerLoadsHidden")();
    if (hidden == nullptr) {
      std::printf("not found by the caller: %s\n", dlerror());
      return 5;
    }
    for (size_t i = 0; i < 10; ++i) {
      Symbol<void* (*)(size_t)>(hidden, "HiddenAllocates")(40 + i);
      tally.Allocated(40 + i);
    }
    if (dlclose(hidden) != 0) return 6;
  }
  PrintDescriptors("at the end");
  std::printf("truth");
  tally.Print("HiddenAllocates");
  std::printf("\n");
  return 0;
}

static int LoadBesideThreads() {
  Tally tally;
  std::atomic<bool> stop = false;
  void* side = Load("/libother_side.so");
  const auto work = Symbol<void (*)(size_t)>(side, "OtherSideWorks");
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) work(10);
    });
  }
  void* caller = Load("/libcaller.so");
  for (int round = 0; round < 200; ++round) {
    void* hidden = Symbol<void* (*)()>(caller, "CallerLoadsHidden")();
    for (size_t i = 0; i < 5; ++i) {
      std::free(Symbol<void* (*)(size_t)>(hidden, "HiddenAllocates")(40 + i));
      tally.Allocated(40 + i);
      tally.Freed(40 + i);
    }
    if (dlclose(hidden) != 0) return 6;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  std::printf("truth");
  tally.Print("HiddenAllocates");
  std::printf("\n");
  return 0;
}

int main(int argc, char** argv) {
  char self[PATH_MAX] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 2;
  directory = self;
  directory.resize(directory.rfind('/'));
  const auto is = [&](const char* name) { return argc > 1 && std::strcmp(argv[1], name) == 0; };
  if (is("runpath")) return LoadByRunpath();
  if (is("threads")) return LoadBesideThreads();
  return 2;
}

// unnoticed: what a process can find out about itself, at its start, after it allocated and locked in threads, in a child,
// and at its end. The output must not depend on the agent.
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "samples/truth.h"

static void PrintLines(const char* path, const char* const* names, size_t count) {
  FILE* file = std::fopen(path, "r");
  char line[512];
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    for (size_t i = 0; i < count; ++i) {
      if (std::strncmp(line, names[i], std::strlen(names[i])) == 0) std::fputs(line, stdout);
    }
  }
  if (file != nullptr) std::fclose(file);
}

static int CountEntries(const char* path) {
  DIR* directory = opendir(path);
  int entries = 0;
  while (directory != nullptr && readdir(directory) != nullptr) ++entries;
  if (directory != nullptr) closedir(directory);
  return entries;
}

// A thread that was joined is there for a moment longer. One that stays is found after ten seconds, too.
static int CountThreads() {
  for (int i = 0; i < 10000 && CountEntries("/proc/self/task") - 2 > 1; ++i) usleep(1000);
  return CountEntries("/proc/self/task") - 2;
}

static void PrintSelf(const char* when) {
  std::printf("-- %s\n", when);
  std::printf("threads %d, timers %ld\n", CountThreads(), [] {
    struct stat status;
    return stat("/proc/self/timers", &status) == 0 ? static_cast<long>(status.st_size) : -1;
  }());
  static const char* const kStatus[] = {
      "Umask:",  "Threads:", "TracerPid:", "FDSize:",     "SigPnd:",  "ShdPnd:",     "SigBlk:",
      "SigIgn:", "SigCgt:",  "CapEff:",    "NoNewPrivs:", "Seccomp:", "CoreDumping:"};
  PrintLines("/proc/self/status", kStatus, sizeof kStatus / sizeof *kStatus);
  char cwd[4096];
  std::printf("directory %s, nice %d\n", getcwd(cwd, sizeof cwd), getpriority(PRIO_PROCESS, 0));
  for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource) {
    rlimit limit;
    getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    std::printf("limit %d: %lu %lu\n", resource, limit.rlim_cur, limit.rlim_max);
  }
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void* Work(void*) {
  for (size_t i = 0; i < 50000; ++i) {
    pthread_mutex_lock(&mutex);
    void* p = std::malloc(16 + i % 500);
    pthread_mutex_unlock(&mutex);
    Escape(p);
    std::free(p);
  }
  return nullptr;
}

static void WorkInThreads() {
  pthread_t threads[4];
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, Work, nullptr) != 0) std::abort();
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
}

int main() {
  std::atexit([] { PrintSelf("at the end"); });
  PrintSelf("at the start");
  WorkInThreads();
  PrintSelf("after the work");
  std::fflush(stdout);
  if (fork() == 0) {
    WorkInThreads();
    PrintSelf("in a child");
    return 0;
  }
  wait(nullptr);
}

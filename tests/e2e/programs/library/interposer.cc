// interposer: preloaded beside the agent, it takes the place of libc functions that the agent might be tempted to call. Each of them allocates, and
// every name and size that passes is printed at the end: a call by the agent would change the output.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "tests/e2e/programs/guest.h"

static char journal[1 << 16];
static size_t used;

static void Note(const char* function, const char* what) {
  AllocateAndLock(40);
  used += static_cast<size_t>(
      std::snprintf(journal + used, sizeof journal - used, "%s %s\n", function, what));
}

template <typename Function>
static Function Next(const char* name, Function) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

static int Mode(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
}

#define INTERPOSE_OPEN(name)                              \
  extern "C" int name(const char* path, int flags, ...) { \
    va_list arguments;                                    \
    va_start(arguments, flags);                           \
    const int mode = Mode(flags, arguments);              \
    va_end(arguments);                                    \
    Note(#name, path);                                    \
    return Next(#name, &name)(path, flags, mode);         \
  }
INTERPOSE_OPEN(open)
INTERPOSE_OPEN(open64)

#define INTERPOSE_OPENAT(name)                                           \
  extern "C" int name(int directory, const char* path, int flags, ...) { \
    va_list arguments;                                                   \
    va_start(arguments, flags);                                          \
    const int mode = Mode(flags, arguments);                             \
    va_end(arguments);                                                   \
    Note(#name, path);                                                   \
    return Next(#name, &name)(directory, path, flags, mode);             \
  }
INTERPOSE_OPENAT(openat)
INTERPOSE_OPENAT(openat64)

#define INTERPOSE_MMAP(name)                                                           \
  extern "C" void* name(void* address, size_t size, int protection, int flags, int fd, \
                        off_t offset) noexcept {                                       \
    char text[32];                                                                     \
    std::snprintf(text, sizeof text, "%zu", size);                                     \
    Note(#name, text);                                                                 \
    return Next(#name, &name)(address, size, protection, flags, fd, offset);           \
  }
INTERPOSE_MMAP(mmap)
INTERPOSE_MMAP(mmap64)

extern "C" char* getenv(const char* name) noexcept {
  Note("getenv", name);
  return Next("getenv", static_cast<char* (*)(const char*)>(nullptr))(name);
}

extern "C" int close(int fd) {
  char text[16];
  std::snprintf(text, sizeof text, "%d", fd);
  Note("close", text);
  return Next("close", &close)(fd);
}

__attribute__((destructor)) static void Print() {
  size_t done = 0;
  while (done < used) {
    const ssize_t n = write(STDOUT_FILENO, journal + done, used - done);
    if (n <= 0) std::abort();
    done += static_cast<size_t>(n);
  }
}

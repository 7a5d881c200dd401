// sys.h: system calls made directly.
//
// Not through libc's functions: those may be interposed by the guest or by another preloaded library (fakeroot, faketime),
// may be cancellation points, and write errno. Each returns the kernel's value: negative is -errno.
//
// Threads, signals: safe anywhere.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

// Linux 5.14; Debian 12's headers of libc have neither.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

namespace perfagent::sys {

inline long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                 long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline long Word(const void* pointer) { return reinterpret_cast<long>(pointer); }

inline int Open(const char* path, int flags, int mode = 0) {
  return static_cast<int>(Call(SYS_openat, AT_FDCWD, Word(path), flags, mode));
}
inline long Read(int fd, void* buffer, size_t size) {
  return Call(SYS_read, fd, Word(buffer), static_cast<long>(size));
}
inline long Write(int fd, const void* buffer, size_t size) {
  return Call(SYS_write, fd, Word(buffer), static_cast<long>(size));
}
inline int Close(int fd) { return static_cast<int>(Call(SYS_close, fd)); }
inline int Truncate(int fd, uint64_t size) {
  return static_cast<int>(Call(SYS_ftruncate, fd, static_cast<long>(size)));
}
inline int Stat(int fd, struct stat* out) {
  return static_cast<int>(Call(SYS_fstat, fd, Word(out)));
}
inline int Unlink(const char* path) { return static_cast<int>(Call(SYS_unlink, Word(path))); }
inline int Pid() { return static_cast<int>(Call(SYS_getpid)); }
inline int Tid() { return static_cast<int>(Call(SYS_gettid)); }

// Null when the kernel refuses.
inline void* Map(size_t size, int protection, int flags, int fd = -1) {
  const long result = Call(SYS_mmap, 0, static_cast<long>(size), protection, flags, fd, 0);
  return result < 0 && result > -4096 ? nullptr : reinterpret_cast<void*>(result);
}
// Zeroed private memory that takes no room until it is touched. Null when the kernel refuses.
inline void* Reserve(size_t size) {
  return Map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}
inline int Advise(void* address, size_t size, int advice) {
  return static_cast<int>(Call(SYS_madvise, Word(address), static_cast<long>(size), advice));
}
inline void Unmap(void* address, size_t size) {
  Call(SYS_munmap, Word(address), static_cast<long>(size));
}

// Reads at most size - 1 bytes of a file and ends them with a zero byte. Returns their number, negative on error.
inline long ReadFile(const char* path, char* buffer, size_t size) {
  const int fd = Open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  size_t used = 0;
  while (used + 1 < size) {
    const long got = Read(fd, buffer + used, size - 1 - used);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
  }
  Close(fd);
  buffer[used] = 0;
  return static_cast<long>(used);
}

}  // namespace perfagent::sys

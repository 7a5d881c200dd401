// asleep.h: does a thread wait for a lock? The kernel says which system call it is in.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// Is the thread asleep in futex on a word of [address, address + size)?
inline bool IsAsleepWithin(pid_t tid, uint64_t address, uint64_t size) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
  char text[256] = {};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    std::perror(path);
    std::exit(2);
  }
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  long number = -1;
  uint64_t word = 0;
  return length > 0 && std::sscanf(text, "%ld %" SCNx64, &number, &word) == 2 &&
         number == SYS_futex && word - address < size;
}

template <typename Object>
bool IsAsleepOn(pid_t tid, const Object& object) {
  return IsAsleepWithin(tid, reinterpret_cast<uint64_t>(&object), sizeof object);
}

// On any word.
inline bool IsAsleep(pid_t tid) { return IsAsleepWithin(tid, 0, UINT64_MAX); }

#include "analyzer/dump/regular_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/process.h"

namespace perfagent::test {
namespace {

// "" when the path could be opened.
std::string ProblemAt(const std::string& path) {
  const RegularFile file = OpenRegularFile(path);
  if (file.fd >= 0) close(file.fd);
  EXPECT_EQ(file.fd < 0, !file.problem.empty()) << path;
  return file.problem;
}

void MakeSocket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
}

// How often `path` was opened while `action` ran, says the kernel.
template <typename Action>
int OpeningsDuring(const std::string& path, Action action) {
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  EXPECT_GE(inotify_add_watch(watch, path.c_str(), IN_OPEN), 0) << path;
  action();
  int openings = 0;
  inotify_event event;
  while (read(watch, &event, sizeof event) == static_cast<ssize_t>(sizeof event)) ++openings;
  close(watch);
  return openings;
}

TEST(RegularFile, IsOpenedWithItsSizeAlsoThroughALink) {
  TempDir dir;
  WriteFile(dir / "file", "hello");
  ASSERT_EQ(symlink("file", (dir / "link").c_str()), 0);
  const RegularFile file = OpenRegularFile(dir / "link");
  ASSERT_GE(file.fd, 0) << file.problem;
  EXPECT_EQ(file.size_bytes, 5u);
  char text[8] = {};
  EXPECT_EQ(read(file.fd, text, sizeof text), 5);
  EXPECT_STREQ(text, "hello");
  close(file.fd);
}

TEST(RegularFile, NothingElseIsEvenOpened) {
  TempDir dir;
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  MakeSocket(dir / "socket");
  std::filesystem::create_directory(dir / "directory");
  ASSERT_EQ(symlink("fifo", (dir / "link").c_str()), 0);
  for (const char* name : {"fifo", "directory", "link"}) {
    const int openings = OpeningsDuring(
        dir / name, [&] { EXPECT_EQ(ProblemAt(dir / name), "not a regular file") << name; });
    EXPECT_EQ(openings, 0) << name;
  }
  EXPECT_EQ(ProblemAt(dir / "socket"), "not a regular file");
}

TEST(RegularFile, OpeningsAreSeenByThisTest) {
  TempDir dir;
  WriteFile(dir / "file", "hello");
  EXPECT_EQ(OpeningsDuring(dir / "file", [&] { EXPECT_EQ(ProblemAt(dir / "file"), ""); }), 1);
}

TEST(RegularFile, DevicesAndTheKernelsFilesAreNot) {
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/tty", "/proc/self/maps", "/proc/kmsg",
                           "/proc/kcore", "/proc/self/mem", "/sys/kernel/notes"}) {
    if (access(path, F_OK) != 0) continue;
    EXPECT_EQ(ProblemAt(path), "not a regular file") << path;
  }
}

TEST(RegularFile, WhatIsNotThereIsSaidInTheKernelsWords) {
  TempDir dir;
  ASSERT_EQ(symlink("loop", (dir / "loop").c_str()), 0);
  ASSERT_EQ(symlink("/nonexistent", (dir / "dangling").c_str()), 0);
  EXPECT_EQ(ProblemAt(dir / "missing"), "No such file or directory");
  EXPECT_EQ(ProblemAt(dir / "dangling"), "No such file or directory");
  EXPECT_EQ(ProblemAt(dir / "loop"), "Too many levels of symbolic links");
  EXPECT_EQ(ProblemAt(std::string(5000, 'x')), "File name too long");
}

}  // namespace
}  // namespace perfagent::test

// descriptors: what a program can observe about its descriptors while the agent records.
//
//   descriptors numbers          opens things of every kind, and prints the numbers it was given
//   descriptors channels         closes everything, makes channels at those numbers, and checks every byte that passes
//   descriptors marked           the same, and nothing but work between two calls that a tracer can see
//   descriptors standard FILE    opens FILE until it is descriptor 2, writes to it, and ends
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "guest.h"

static void AllocateInHandler(int) {
  // Whether the interrupted code was malloc itself is known: it was raise().
  AllocateAndLock(100);
}

// Everything that makes an agent work: many sites, threads, deep stacks, contended mutexes, signal frames.
NAMED void Descend(size_t depth) {
  if (depth == 0) {
    raise(SIGUSR1);
    AllocateAndLock(500);
    return;
  }
  char here[64];
  Escape(here);
  Descend(depth - 1);
  EndOfFrame();
}

static void Work(KeptMutex* mutex) {
  for (size_t i = 0; i < 3000; ++i) AllocateAndLock(1 + i * 7 % 9000);
  for (size_t depth = 1; depth < 100; depth += 7) Descend(depth);
  mutex->WaitInVain(20);
}

static void WorkInThreads(KeptMutex* mutex) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([] {
      for (size_t n = 0; n < 2000; ++n) AllocateAndLock(1 + n);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Work(mutex);
}

static int Numbers() {
  KeptMutex mutex;
  std::printf("open %d\n", open("/dev/null", O_RDONLY));
  Work(&mutex);
  int two[2];
  if (pipe(two) != 0) return 2;
  std::printf("pipe %d %d\n", two[0], two[1]);
  WorkInThreads(&mutex);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, two) != 0) return 2;
  std::printf("socketpair %d %d\n", two[0], two[1]);
  std::printf("socket %d\n", socket(AF_UNIX, SOCK_STREAM, 0));
  std::printf("dup %d\n", dup(0));
  std::printf("epoll %d eventfd %d memfd %d\n", epoll_create1(0), eventfd(0, 0),
              memfd_create("m", 0));
  PrintDescriptors("at the end");
  return 0;
}

// Pairs of connected sockets and pipes at every number from 0 to 39.
class Channels {
 public:
  Channels() {
    close_range(0, ~0U, 0);
    for (int i = 0; i < kPairs; ++i) {
      const int failed =
          i % 2 == 0 ? socketpair(AF_UNIX, SOCK_STREAM, 0, pairs_[i]) : pipe(pairs_[i]);
      if (failed != 0) _exit(10);
      if (pairs_[i][0] != 2 * i || pairs_[i][1] != 2 * i + 1) _exit(11);
    }
  }

  // Each channel gives back what was put into it and nothing else.
  void Exchange(unsigned char round) const {
    for (const int(&pair)[2] : pairs_) {
      unsigned char out[100];
      std::memset(out, round, sizeof out);
      if (write(pair[1], out, sizeof out) != sizeof out) _exit(12);
    }
  }
  void Receive(unsigned char round) const {
    for (const int(&pair)[2] : pairs_) {
      if (Waiting(pair[0]) != 100) _exit(13);
      unsigned char in[200];
      if (read(pair[0], in, sizeof in) != 100) _exit(14);
      for (int i = 0; i < 100; ++i) {
        if (in[i] != round) _exit(15);
      }
      if (Waiting(pair[0]) != 0) _exit(16);
    }
    for (int i = 0; i < kPairs; i += 2) {  // a socket could be written to at both ends
      if (Waiting(pairs_[i][1]) != 0) _exit(17);
    }
    for (int fd = 2 * kPairs; fd < 256; ++fd) {
      if (fcntl(fd, F_GETFD) >= 0) _exit(18);
    }
  }

 private:
  static constexpr int kPairs = 20;
  static int Waiting(int fd) {
    int bytes = -1;
    if (ioctl(fd, FIONREAD, &bytes) != 0) _exit(19);
    return bytes;
  }
  int pairs_[kPairs][2];
};

// The exit status says what was wrong, since there is nowhere to print.
static int UseChannels() {
  KeptMutex mutex;
  Work(&mutex);
  const Channels channels;
  for (unsigned char round = 1; round <= 5; ++round) {
    channels.Exchange(round);
    WorkInThreads(&mutex);
    channels.Receive(round);
  }
  return 0;
}

static void Mark(const char* name) {
  if (access(name, F_OK) == 0) _exit(20);
}

static int WorkBetweenMarks() {
  KeptMutex mutex;
  Work(&mutex);
  const Channels channels;
  channels.Exchange(1);
  Mark("/perfagent-test-begin");
  for (int i = 0; i < 3; ++i) WorkInThreads(&mutex);
  Mark("/perfagent-test-end");
  channels.Receive(1);
  return 0;
}

static int OpenAsStandardError(const char* file) {
  int fd;
  do {
    fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  } while (fd >= 0 && fd < 2);
  if (fd != 2) return 3;
  for (size_t i = 0; i < 20000; ++i) Escape(std::malloc(i % 100));
  if (write(fd, "data\n", 5) != 5) return 4;
  return 0;
}

int main(int argc, char** argv) {
  const auto is = [&](const char* name) { return argc > 1 && std::strcmp(argv[1], name) == 0; };
  struct sigaction action = {};
  action.sa_handler = AllocateInHandler;
  sigaction(SIGUSR1, &action, nullptr);
  if (is("numbers")) return Numbers();
  if (is("channels")) return UseChannels();
  if (is("marked")) return WorkBetweenMarks();
  if (is("standard")) return OpenAsStandardError(argv[2]);
  return 2;
}

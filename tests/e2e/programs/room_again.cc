// room_again: fills the disk that its dump is on, makes room, and forks a child that allocates.
//
//   room_again FILLER
//
// FILLER is a file on that disk, which is removed. The parent runs long enough that its clock is ahead of its child's.
#include <sys/wait.h>
#include <unistd.h>

#include "samples/truth.h"

NAMED void Allocate(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    void* p = std::malloc(100);
    Escape(p);
    std::free(p);
  }
  EndOfFrame();
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  sleep(2);
  Allocate(60000);
  if (unlink(argv[1]) != 0) return 2;
  const pid_t child = fork();
  if (child == 0) {
    Allocate(1000);
    std::exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return status;
}

// title: overwrites its arguments and environment, as programs do that set their title, and forks a child that allocates.
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "samples/truth.h"

int main(int, char** argv) {
  for (char** text = argv; *text != nullptr; ++text) std::memset(*text, 't', std::strlen(*text));
  for (char** text = environ; *text != nullptr; ++text) std::memset(*text, 0, std::strlen(*text));
  const pid_t child = fork();
  if (child == 0) {
    void* block = std::malloc(100);
    Escape(block);
    std::free(block);
    std::exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return status;
}

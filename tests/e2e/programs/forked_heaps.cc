// forked_heaps CHILDREN BLOCKS: each of so many forked children, one after the other, allocates so many blocks of 1000 bytes.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

[[gnu::noinline]] static void AllocateInChild(long blocks) {
  for (long i = 0; i < blocks; ++i) {
    void* volatile block = malloc(1000);
    static_cast<void>(block);
  }
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long children = atol(argv[1]), blocks = atol(argv[2]);
  void* volatile block = malloc(1);  // the parent's thread has a countdown, too
  free(block);
  for (long i = 0; i < children; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      AllocateInChild(blocks);
      _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
  }
}

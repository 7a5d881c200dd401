// endings: allocates a known number, says so, and ends in the way that the argument names.
//
//   endings return|exit|_exit|quick_exit|abort|exit_from_thread|pthread_exit|terminate|segv|at_exit|wait
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <thread>

#include "samples/truth.h"

static Tally tally;

NAMED void AllocateBeforeTheEnd(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    Escape(std::malloc(123));
    tally.Allocated(123);
  }
}

static void Say() {
  std::printf("truth");
  tally.Print("AllocateBeforeTheEnd");
  std::printf("\n");
  std::fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const char* how = argv[1];
  const auto is = [how](const char* name) { return std::strcmp(how, name) == 0; };
  AllocateBeforeTheEnd(500);
  if (is("at_exit")) {
    // Handlers registered first run last: after the agent may have thought that all is over.
    std::atexit([] {
      AllocateBeforeTheEnd(1);
      Say();
    });
    return 17;
  }
  Say();
  if (is("return")) return 11;
  if (is("exit")) std::exit(12);
  if (is("_exit")) _exit(13);
  if (is("quick_exit")) std::quick_exit(14);
  if (is("abort")) std::abort();
  if (is("exit_from_thread")) std::thread([] { std::exit(15); }).join();
  if (is("pthread_exit")) {
    static pthread_t main_thread = pthread_self();
    std::thread([] {
      pthread_join(main_thread, nullptr);
      std::exit(16);
    }).detach();
    pthread_exit(nullptr);
  }
  if (is("terminate")) std::terminate();
  static volatile int* nowhere = nullptr;
  if (is("segv")) *nowhere = 1;
  if (is("wait")) pause();
  return 2;
}

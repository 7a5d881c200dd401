// on_request: threads that allocate what they are told to, and say when they have.
//
//   on_request THREADS
//
// Each line of stdin is "THREAD COUNT SIZE WHAT"; it is printed again when that is done. WHAT is
// "pass" (each block is freed at once), "keep" (the blocks stay), "grow" (those kept are reallocated
// to SIZE) or "drop" (they are freed).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <semaphore>
#include <thread>
#include <vector>

#include "samples/truth.h"

struct Request {
  size_t count;
  size_t size;
  char what[8];
};

NAMED void AllocateAndFree(const Request& request) {
  for (size_t i = 0; i < request.count; ++i) {
    void* p = std::malloc(request.size);
    Escape(p);
    std::free(p);
  }
}

NAMED void Keep(const Request& request, std::vector<void*>& kept) {
  for (size_t i = 0; i < request.count; ++i) {
    kept.push_back(std::malloc(request.size));
    Escape(kept.back());
  }
}

NAMED void Grow(const Request& request, std::vector<void*>& kept) {
  for (void*& p : kept) p = std::realloc(p, request.size);
}

NAMED void Drop(std::vector<void*>& kept) {
  for (void* p : kept) std::free(p);
  kept.clear();
}

// Does one request after the other, all in the same thread.
class Worker {
 public:
  void Do(const Request& request) {
    request_ = request;
    begin_.release();
    done_.acquire();
  }

 private:
  void Work() {
    for (;;) {
      begin_.acquire();
      if (strcmp(request_.what, "pass") == 0) AllocateAndFree(request_);
      if (strcmp(request_.what, "keep") == 0) Keep(request_, kept_);
      if (strcmp(request_.what, "grow") == 0) Grow(request_, kept_);
      if (strcmp(request_.what, "drop") == 0) Drop(kept_);
      done_.release();
    }
  }

  Request request_ = {};
  std::binary_semaphore begin_{0};
  std::binary_semaphore done_{0};
  std::vector<void*> kept_;
  std::thread thread_{[this] { Work(); }};
};

int main(int argc, char** argv) {
  // Never joined: the end of main ends them.
  auto* workers = new Worker[Argument(argc, argv, 1, 1)];
  std::puts("ready");
  std::fflush(stdout);
  size_t thread = 0;
  Request request;
  while (std::scanf("%zu %zu %zu %7s", &thread, &request.count, &request.size, request.what) == 4) {
    workers[thread].Do(request);
    std::printf("%zu %zu %zu %s\n", thread, request.count, request.size, request.what);
    std::fflush(stdout);
  }
}

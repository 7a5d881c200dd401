// phases: tells the agent about its phases, and has one of them left out. Runs the same without the agent.
//
//   phases [BLOCKS]
//
// Of Warm's blocks, and of Serve's, all are recorded; of Quiet's none.
#include "perfagent/perfagent.h"
#include "truth.h"

static Tally warm;
static Tally serve;

NAMED void* Warm(size_t size) {
  void* p = std::malloc(size);
  warm.Allocated(size);
  Escape(p);
  return p;
}

NAMED void Quiet(size_t size) {
  void* p = std::malloc(size);
  Escape(p);
  std::free(p);
  EndOfFrame();
}

NAMED void* Serve(size_t size) {
  void* p = std::malloc(size);
  serve.Allocated(size);
  Escape(p);
  return p;
}

int main(int argc, char** argv) {
  const size_t blocks = Argument(argc, argv, 1, 1000);
  constexpr size_t kSize = 80;

  perfagent_mark("warm up");
  for (size_t i = 0; i < blocks; ++i) {
    std::free(Warm(kSize));
    warm.Freed(kSize);
  }

  perfagent_pause();
  for (size_t i = 0; i < blocks; ++i) Quiet(kSize);
  perfagent_resume();

  perfagent_mark("serve");
  for (size_t i = 0; i < blocks; ++i) {
    std::free(Serve(kSize));
    serve.Freed(kSize);
  }

  std::printf("truth quiet=%zu", blocks);
  warm.Print("Warm");
  serve.Print("Serve");
  std::printf("\n");
}

// control_words: writes the control words of its own dump, as somebody outside could, and allocates after each.
//
//   control_words DUMP INTERVAL
//
// DUMP is where the agent records to. The truth line counts every allocation of each phase.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "perfagent/dump_format.h"
#include "samples/truth.h"

using perfagent::HeaderPage;

static constexpr size_t kBlocks = 20000;
static constexpr size_t kSize = 1000;

static Tally configured, retuned, nonsense, enormous, paused_by_nonsense, paused, resumed;

#define PHASE(Function, tally)             \
  NAMED void Function() {                  \
    for (size_t i = 0; i < kBlocks; ++i) { \
      void* p = std::malloc(kSize);        \
      Escape(p);                           \
      tally.Allocated(kSize);              \
      std::free(p);                        \
      tally.Freed(kSize);                  \
    }                                      \
    EndOfFrame();                          \
  }
PHASE(AsConfigured, configured)
PHASE(Retuned, retuned)
PHASE(WithNonsense, nonsense)
PHASE(WithEnormous, enormous)
PHASE(PausedByNonsense, paused_by_nonsense)
PHASE(Paused, paused)
PHASE(Resumed, resumed)

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::free(std::malloc(1));
  const int fd = open(argv[1], O_RDWR);
  if (fd < 0) return 3;
  void* map = mmap(nullptr, sizeof(HeaderPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return 3;
  auto* header = static_cast<HeaderPage*>(map);

  AsConfigured();
  header->interval_request = std::strtoull(argv[2], nullptr, 0);
  Retuned();
  header->interval_request = perfagent::kGreatestInterval + 1;
  WithNonsense();
  header->interval_request = ~uint64_t{0};
  WithEnormous();
  header->paused = 0xffffffff;
  PausedByNonsense();
  header->paused = 1;
  Paused();
  header->paused = 0;
  Resumed();

  std::printf("truth");
  configured.Print("AsConfigured");
  retuned.Print("Retuned");
  nonsense.Print("WithNonsense");
  enormous.Print("WithEnormous");
  paused_by_nonsense.Print("PausedByNonsense");
  resumed.Print("Resumed");
  std::printf("\n");
}

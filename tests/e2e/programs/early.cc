// early: allocates and locks as early as a program's own code can run: in an IFUNC resolver, in .preinit_array, where a
// look-up fails too, and in a constructor. Blocks of each stage are freed in main.
#include <dlfcn.h>

#include <cstring>

#include "guest.h"

struct Stage {
  bool reached;
  void* blocks[2];
  const char* missing;  // what dlerror said about a name that does not exist
};
static Stage resolver_stage, preinit_stage, constructor_stage;
static Tally tally;

static void Enter(Stage* stage) {
  AllocateAndLock(100);
  stage->blocks[0] = std::malloc(50);
  stage->blocks[1] = std::realloc(std::calloc(10, 10), 1000);
  stage->reached = true;
}

static void LookUpWhatIsMissing(Stage* stage) {
  if (dlsym(RTLD_DEFAULT, "perfagent_test_no_such_name") != nullptr) std::abort();
  stage->missing = strdup(dlerror());
}

static int Answer() { return 42; }
extern "C" {
int (*ResolveAnswer())() {
  Enter(&resolver_stage);
  return Answer;
}
}
int ChosenAnswer() __attribute__((ifunc("ResolveAnswer")));

static void Preinit() {
  Enter(&preinit_stage);
  LookUpWhatIsMissing(&preinit_stage);
}
__attribute__((section(".preinit_array"), used)) static void (*preinit)() = Preinit;

__attribute__((constructor)) static void Construct() {
  Enter(&constructor_stage);
  LookUpWhatIsMissing(&constructor_stage);
}

static void Leave(const char* name, Stage* stage) {
  std::free(stage->blocks[0]);
  std::free(std::realloc(stage->blocks[1], 5000));
  std::printf("%s: reached=%d, %s\n", name, stage->reached,
              stage->missing != nullptr ? stage->missing : "no look-up");
  std::free(const_cast<char*>(stage->missing));
}

NAMED void AllocateInMain(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    void* p = std::malloc(200 + i);
    tally.Allocated(200 + i);
    Escape(p);
    if (i % 4 == 0) continue;
    std::free(p);
    tally.Freed(200 + i);
  }
}

int main() {
  std::printf("answer %d\n", ChosenAnswer());
  Leave("resolver", &resolver_stage);
  Leave("preinit", &preinit_stage);
  Leave("constructor", &constructor_stage);
  AllocateInMain(400);
  KeptMutex().WaitInVain(30);
  PrintDescriptors("at the end");
  std::printf("truth contended=30");
  tally.Print("AllocateInMain");
  std::printf("\n");
}

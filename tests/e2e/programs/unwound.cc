// unwound: frames that are left by longjmp and by exceptions, between allocations and through operator new.
//
//   unwound [ROUNDS]
#include <setjmp.h>

#include <cstring>
#include <new>
#include <stdexcept>

#include "samples/truth.h"

static constexpr size_t kDepth = 30;
static constexpr size_t kSize = 112;
static volatile size_t huge = PTRDIFF_MAX;

static Tally jumped, thrown, after;
static size_t exceptions;  // the runtime allocates each

// ---- longjmp ----

static sigjmp_buf target;
static void* held[kDepth + 1];

NAMED void DescendAndJump(size_t depth) {
  held[depth] = std::malloc(kSize + depth);
  Escape(held[depth]);
  jumped.Allocated(kSize + depth);
  if (depth == kDepth) siglongjmp(target, 1);
  DescendAndJump(depth + 1);
  EndOfFrame();
}

NAMED void JumpOverFrames() {
  if (sigsetjmp(target, 1) == 0) DescendAndJump(0);
  for (size_t depth = 0; depth <= kDepth; ++depth) {
    std::free(held[depth]);
    jumped.Freed(kSize + depth);
  }
}

// ---- exceptions ----

struct Block {
  explicit Block(size_t size) : size(size), memory(std::malloc(size)) {
    Escape(memory);
    thrown.Allocated(size);
  }
  ~Block() {
    std::free(memory);
    thrown.Freed(size);
  }
  size_t size;
  void* memory;
};

NAMED void DescendAndThrow(size_t depth) {
  const Block block(kSize + depth);
  if (depth == kDepth) {
    ++exceptions;
    throw depth;
  }
  DescendAndThrow(depth + 1);
  EndOfFrame();
}

// ---- operator new that fails ----

static int handled;

static void GiveUpAtTheThird() {
  if (++handled == 3) std::set_new_handler(nullptr);
}
struct OutOfPatience {};
static void Throw() {
  ++handled;
  throw OutOfPatience();
}
static void Jump() {
  ++handled;
  siglongjmp(target, 1);
}

// What the call threw, which frames it passed.
NAMED const char* FailToAllocate(std::new_handler handler) {
  std::set_new_handler(handler);
  const char* outcome = "returned";
  try {
    if (sigsetjmp(target, 1) == 0) {
      Escape(::operator new(huge));
    } else {
      outcome = "jumped";
    }
  } catch (const std::bad_alloc&) {
    outcome = "bad_alloc";
  } catch (const OutOfPatience&) {
    outcome = "out of patience";
  }
  std::set_new_handler(nullptr);
  return outcome;
}

// After each of those the thread allocates as before.
NAMED void AllocateAfterwards() {
  void* p = ::operator new(kSize);
  Escape(p);
  after.Allocated(kSize);
  ::operator delete(p);
  after.Freed(kSize);
}

int main(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 1, 300);
  constexpr struct {
    std::new_handler handler;
    const char* outcome;
  } kFailures[] = {{nullptr, "bad_alloc"},
                   {GiveUpAtTheThird, "bad_alloc"},
                   {Throw, "out of patience"},
                   {Jump, "jumped"}};
  size_t unexpected = 0;
  for (size_t round = 0; round < rounds; ++round) {
    JumpOverFrames();
    AllocateAfterwards();
    try {
      DescendAndThrow(0);
    } catch (size_t depth) {
      unexpected += depth != kDepth;
    }
    AllocateAfterwards();
    for (const auto& [handler, outcome] : kFailures) {
      handled = 0;
      unexpected += std::strcmp(FailToAllocate(handler), outcome) != 0;
      AllocateAfterwards();
    }
  }
  std::printf("truth unexpected=%zu", unexpected);
  jumped.Print("DescendAndJump");
  // The runtime's own size of an exception is not ours to know.
  std::printf(" function=DescendAndThrow allocations=%zu frees=%zu",
              thrown.allocations + exceptions, thrown.frees + exceptions);
  after.Print("AllocateAfterwards");
  std::printf("\n");
}

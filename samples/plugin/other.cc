// other: like plugin, with another function at other offsets, to be loaded where plugin was.
#include <cstddef>
#include <cstdlib>

extern "C" __attribute__((noinline, used)) size_t OtherUnrelated(size_t a, size_t b) {
  asm volatile("" : "+r"(a), "+r"(b));
  return a * b + a / (b | 1);
}

extern "C" __attribute__((noinline, used)) void* OtherAllocate(size_t size) {
  void* p = std::malloc(size);
  asm volatile("" : : "g"(p) : "memory");
  return p;
}

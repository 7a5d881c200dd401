// plugin: a library for dlopen_loop that allocates in a function of its own.
#include <cstddef>
#include <cstdlib>

extern "C" __attribute__((noinline, used)) void* PluginAllocate(size_t size) {
  void* p = std::malloc(size);
  asm volatile("" : : "g"(p) : "memory");
  return p;
}

// virtual_year: allocates and frees 300,000 blocks in a year of a clock of its own.
//
// The definition of clock_gettime comes before libc's for the preloaded agent too (PERFAGENT_CLOCK=vdso). The process's CPU
// time is a tenth of it, so that what the agent spends is nothing beside it and only the file's size bounds the sampling.
#include <cstdint>
#include <cstdlib>
#include <ctime>

static uint64_t virtual_ns;

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const uint64_t ns = clock == CLOCK_PROCESS_CPUTIME_ID ? virtual_ns / 10 : virtual_ns;
  now->tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  now->tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return 0;
}

int main() {
  constexpr uint64_t kYearNs = 365 * 86400 * uint64_t{1'000'000'000};
  constexpr uint64_t kSteps = 300'000;
  for (uint64_t i = 0; i < kSteps; ++i) {
    virtual_ns = kYearNs / kSteps * i;
    void* volatile block = malloc(100'000);
    free(block);
  }
  virtual_ns = kYearNs;
}

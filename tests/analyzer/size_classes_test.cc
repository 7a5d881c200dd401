#include "analyzer/model/size_classes.h"

#include <gtest/gtest.h>

#include <utility>

namespace perfagent::test {
namespace {

TEST(SizeClasses, AreKnownByTheAllocatorsFile) {
  EXPECT_EQ(SizeClassesOf("/lib/x86_64-linux-gnu/libc.so.6"), SizeClasses::kGlibc);
  EXPECT_EQ(SizeClassesOf("/usr/lib/libjemalloc.so.2"), SizeClasses::kJemalloc);
  EXPECT_EQ(SizeClassesOf("/usr/lib/libtcmalloc_minimal.so.4"), SizeClasses::kTcmalloc);
  EXPECT_EQ(SizeClassesOf("/usr/lib/libmimalloc.so.2"), SizeClasses::kUnknown);
  EXPECT_EQ(SizeClassesOf(""), SizeClasses::kUnknown);
}

// What malloc_usable_size says on glibc 2.36 (the test itself has the sanitizer's malloc). A chunk may be larger by a unit
// where what is left of it would be no chunk.
TEST(SizeClasses, OfGlibcAreWhatItSaysIsUsable) {
  const std::pair<uint64_t, uint64_t> from_malloc_usable_size[] = {
      {0, 24},  {1, 24},    {24, 24},     {25, 40},     {40, 40},
      {41, 56}, {100, 104}, {1000, 1000}, {1001, 1016}, {100000, 100008}};
  for (const auto& [size, usable] : from_malloc_usable_size) {
    EXPECT_EQ(TakenBytes(SizeClasses::kGlibc, size) - HeaderBytes(SizeClasses::kGlibc), usable)
        << size;
  }
}

// As jemalloc(3) lists them.
TEST(SizeClasses, OfJemallocAreItsManuals) {
  constexpr uint64_t kClasses[] = {8,    16,   32,   48,   64,   80,   96,   112,  128,  160,
                                   192,  224,  256,  320,  384,  448,  512,  640,  768,  896,
                                   1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120};
  uint64_t size = 1;
  for (const uint64_t size_class : kClasses) {
    for (; size <= size_class; ++size)
      ASSERT_EQ(TakenBytes(SizeClasses::kJemalloc, size), size_class) << size;
  }
}

TEST(SizeClasses, AnUnknownAllocatorTakesWhatIsAskedFor) {
  EXPECT_EQ(TakenBytes(SizeClasses::kUnknown, 57), 57u);
}

}  // namespace
}  // namespace perfagent::test

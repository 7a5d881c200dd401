#include "analyzer/model/size_classes.h"

#include <gtest/gtest.h>

namespace perfagent::test {
namespace {

TEST(SizeClasses, AreKnownByTheAllocatorsFile) {
  EXPECT_EQ(SizeClassesOf("/lib/x86_64-linux-gnu/libc.so.6"), SizeClasses::kGlibc);
  EXPECT_EQ(SizeClassesOf("/usr/lib/libjemalloc.so.2"), SizeClasses::kJemalloc);
  EXPECT_EQ(SizeClassesOf("/usr/lib/libtcmalloc_minimal.so.4"), SizeClasses::kTcmalloc);
  EXPECT_EQ(SizeClassesOf("/usr/lib/libmimalloc.so.2"), SizeClasses::kUnknown);
  EXPECT_EQ(SizeClassesOf(""), SizeClasses::kUnknown);
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

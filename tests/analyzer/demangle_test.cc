#include "analyzer/symbols/demangle.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace perfagent {
namespace {

TEST(Demangle, CppNamesHaveParameters) {
  EXPECT_EQ(Demangle("_ZN3foo3barEi"), "foo::bar(int)");
  EXPECT_EQ(Demangle("_ZNSt6vectorIiSaIiEE9push_backERKi"),
            "std::vector<int, std::allocator<int> >::push_back(int const&)");
  EXPECT_EQ(Demangle("_ZN12_GLOBAL__N_16HelperEv"), "(anonymous namespace)::Helper()");
  EXPECT_EQ(Demangle("_ZGVZ3foovE1x"), "guard variable for foo()::x");
}

TEST(Demangle, ClonesAreReadable) {
  EXPECT_EQ(Demangle("_ZN3foo3barEi.cold"), "foo::bar(int) [clone .cold]");
  EXPECT_EQ(Demangle("_ZL3barv.constprop.0.isra.0"), "bar() [clone .constprop.0] [clone .isra.0]");
  EXPECT_EQ(Demangle("foo.cold"), "foo.cold");
}

// Expected values from the Rust symbol mangling RFC 2603 and from rustc-demangle's own tests.
TEST(Demangle, RustV0Names) {
  EXPECT_EQ(Demangle("_RNvC6_123foo3bar"), "123foo::bar");
  EXPECT_EQ(Demangle("_RINvNtC3std3mem8align_ofdE"), "std::mem::align_of::<f64>");
  EXPECT_EQ(Demangle("_RNvMC0INtC8arrayvec8ArrayVechKj7b_E3new"),
            "<arrayvec::ArrayVec<u8, 123>>::new");
  EXPECT_EQ(Demangle("_RNCINkXs25_NgCsbmNqQUJIY6D_4core5sliceINyB9_4IterhENuNgNoBb_4iter8iterator8"
                     "Iterator9rpositionNCNgNpB9_6memchr7memrchrs_0E0Bb_"),
            "<core::slice::Iter<u8> as core::iter::iterator::Iterator>::rposition::"
            "<core::slice::memchr::memrchr::{closure#1}>::{closure#0}");
}

TEST(Demangle, RustLegacyNamesLoseTheirHash) {
  EXPECT_EQ(Demangle("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"),
            "core::fmt::Write::write_fmt");
  EXPECT_EQ(Demangle("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
                     "3bar17h930b740aa94f1d3aE"),
            "<Test + 'static as foo::Bar<Test>>::bar");
  EXPECT_EQ(Demangle("_ZN3foo17h05af221e174051e9E.llvm.9D1C9369"), "foo");
}

TEST(Demangle, OtherNamesComeBackUnchanged) {
  for (const char* name : {"", "_", "_Z", "_R", "main", "i", "d", "_start", "_init",
                           "__libc_malloc", "_Znonsense", "foo(int)", "_ZN", "_RNv"}) {
    EXPECT_EQ(Demangle(name), name);
  }
}

TEST(Demangle, AnOverlongNameComesBackUnchanged) {
  std::string name = "_ZN5000" + std::string(5000, 'a') + "E";
  EXPECT_EQ(Demangle(name), name);
}

// pair<pair<..., S_>, S_>: every level doubles the source name.
TEST(Demangle, ANameThatExpandsToGigabytesEndsSoon) {
  std::string doubling = "_Z1fSt4pairI1AS0_E";
  static constexpr char kDigits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int i = 1; i < 34; ++i) {
    std::string last = std::string("S") + kDigits[i] + "_";
    doubling += "S_I" + last + last + "E";
  }
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Demangle(doubling), doubling);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(Demangle, DeepNestingDoesNotOverflowTheStack) {
  for (const char* piece : {"P", "I", "N", "X", "A1_", "RNv", "J", "St4pairI", "DpIJ", "Fi"}) {
    std::string deep;
    while (deep.size() + 16 < 4096) deep += piece;
    Demangle("_Z1f" + deep);
    Demangle("_R" + deep);
    Demangle("_RNvXC1a" + deep);
  }
}

}  // namespace
}  // namespace perfagent

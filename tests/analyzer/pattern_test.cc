#include "analyzer/model/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace perfagent::test {
namespace {

TEST(Pattern, IsFoundAnywhereInAName) {
  std::string error;
  const std::optional<Pattern> pattern = Pattern::Compile("Cache::(Get|Put)", &error);
  ASSERT_TRUE(pattern) << error;
  EXPECT_TRUE(pattern->Matches("app::Cache::Put(int)"));
  EXPECT_FALSE(pattern->Matches("app::Cache::Drop(int)"));
}

TEST(Pattern, ThatIsNoneSaysWhy) {
  std::string error;
  EXPECT_FALSE(Pattern::Compile("Cache(", &error));
  EXPECT_NE(error.find("("), std::string::npos) << error;
}

TEST(Pattern, DoesNotOverflowTheStackOnAHugeName) {
  std::string error;
  const std::optional<Pattern> pattern = Pattern::Compile("^(a|b)*c?x*$", &error);
  ASSERT_TRUE(pattern) << error;
  EXPECT_TRUE(pattern->Matches(std::string(size_t{1} << 22, 'a')));
  EXPECT_FALSE(pattern->Matches(std::string(size_t{1} << 22, 'a') + "d"));
}

}  // namespace
}  // namespace perfagent::test

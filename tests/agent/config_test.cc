#include "agent/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace perfagent {
namespace {

// Reads the settings as a fresh process would, and returns what was said on stderr.
std::string Read(std::vector<std::string> environment) {
  static std::vector<std::vector<std::string>> kept;  // text settings point into the block
  kept.push_back(std::move(environment));
  std::vector<char*> block;
  for (std::string& setting : kept.back()) block.push_back(setting.data());
  block.push_back(nullptr);
  config = Config();
  testing::internal::CaptureStderr();
  ReadConfig(block.data());
  return testing::internal::GetCapturedStderr();
}

TEST(Config, EmptyEnvironmentGivesTheDocumentedDefaults) {
  EXPECT_EQ(Read({"PATH=/bin", "PERFAGENTX=1"}), "");
  EXPECT_STREQ(config.output, "perfagent.%e.%p.dump");
  EXPECT_EQ(config.mode, RunMode::kSample);
  EXPECT_EQ(config.interval_bytes, 0u) << "auto";
  EXPECT_EQ(config.max_size, 1073741824u);
  EXPECT_TRUE(config.heap);
  EXPECT_TRUE(config.locks);
}

TEST(Config, EverySettingIsRead) {
  EXPECT_EQ(
      Read({"PERFAGENT_OUTPUT=/tmp/%p", "PERFAGENT_MODE=full", "PERFAGENT_HEAP=0",
            "PERFAGENT_LOCKS=0", "PERFAGENT_INTERVAL=64K", "PERFAGENT_BUDGET=0.5%",
            "PERFAGENT_MAX_SIZE=4GiB", "PERFAGENT_DEPTH=32", "PERFAGENT_START=paused",
            "PERFAGENT_PROGRAMS=redis*", "PERFAGENT_CHILDREN=ignore",
            "PERFAGENT_SEED=18446744073709551615", "PERFAGENT_VERBOSE=1", "PERFAGENT_CLOCK=vdso"}),
      "");
  EXPECT_STREQ(config.output, "/tmp/%p");
  EXPECT_EQ(config.mode, RunMode::kFull);
  EXPECT_FALSE(config.heap);
  EXPECT_FALSE(config.locks);
  EXPECT_EQ(config.interval_bytes, 65536u);
  EXPECT_EQ(config.budget_ppm, 5000u);
  EXPECT_EQ(config.max_size, uint64_t{4} << 30);
  EXPECT_EQ(config.depth, 32u);
  EXPECT_TRUE(config.paused);
  EXPECT_STREQ(config.programs, "redis*");
  EXPECT_TRUE(config.ignore_children);
  EXPECT_EQ(config.seed, ~uint64_t{0});
  EXPECT_TRUE(config.verbose);
  EXPECT_EQ(config.clock, ClockChoice::kVdso);
}

class BadValue : public testing::TestWithParam<const char*> {};

TEST_P(BadValue, IsOneLineNamingVariableAndValueAndTheDefaultStays) {
  const std::string setting = GetParam();
  const std::string said = Read({setting});
  const size_t equals = setting.find('=');
  EXPECT_NE(said.find(setting.substr(0, equals) + "=" + setting.substr(equals + 1)),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("expected "), std::string::npos) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
  const Config defaults;
  EXPECT_EQ(config.mode, defaults.mode);
  EXPECT_EQ(config.interval_bytes, defaults.interval_bytes);
  EXPECT_EQ(config.max_size, defaults.max_size);
  EXPECT_EQ(config.depth, defaults.depth);
  EXPECT_EQ(config.budget_ppm, defaults.budget_ppm);
  EXPECT_EQ(config.seed, defaults.seed);
  EXPECT_EQ(config.clock, defaults.clock);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadValue,
    testing::Values("PERFAGENT_MODE=fast", "PERFAGENT_MODE=", "PERFAGENT_INTERVAL=0",
                    "PERFAGENT_INTERVAL=-1", "PERFAGENT_INTERVAL=12Q",
                    "PERFAGENT_INTERVAL=99999999999999999999", "PERFAGENT_INTERVAL=1K1",
                    "PERFAGENT_MAX_SIZE=1K", "PERFAGENT_MAX_SIZE=18446744073709551615T",
                    "PERFAGENT_DEPTH=0", "PERFAGENT_DEPTH=1025", "PERFAGENT_HEAP=yes",
                    "PERFAGENT_LOCKS=2", "PERFAGENT_BUDGET=1", "PERFAGENT_BUDGET=0%",
                    "PERFAGENT_BUDGET=101%", "PERFAGENT_START=later", "PERFAGENT_CHILDREN=all",
                    "PERFAGENT_SEED=0x10", "PERFAGENT_OUTPUT=", "PERFAGENT_VERBOSE=on",
                    "PERFAGENT_CLOCK=tsc"));

TEST(Config, UnknownNameIsSaidOnce) {
  const std::string said = Read({"PERFAGENT_INTERVALL=64K"});
  EXPECT_NE(said.find("PERFAGENT_INTERVALL"), std::string::npos);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST(MatchesPrograms, FollowsShellGlobs) {
  EXPECT_TRUE(MatchesPrograms("", "anything"));
  EXPECT_TRUE(MatchesPrograms("redis-server", "redis-server"));
  EXPECT_FALSE(MatchesPrograms("redis-server", "redis-serve"));
  EXPECT_FALSE(MatchesPrograms("redis", "redis-server"));
  EXPECT_TRUE(MatchesPrograms("nginx,redis*", "redis-server"));
  EXPECT_TRUE(MatchesPrograms("*s*r", "redis-server"));
  EXPECT_TRUE(MatchesPrograms("py????3*", "python3.11"));
  EXPECT_FALSE(MatchesPrograms("a,b,c", "d"));
  EXPECT_TRUE(MatchesPrograms("**", ""));
}

}  // namespace
}  // namespace perfagent

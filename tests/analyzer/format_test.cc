#include "analyzer/report/format.h"

#include <gtest/gtest.h>

namespace perfagent {
namespace {

TEST(Format, CountsAreGroupedByThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
}

TEST(Format, BytesHaveThreeDigitsAndIecUnits) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1024), "1.00 KiB");
  EXPECT_EQ(FormatBytes(12.34 * 1024), "12.3 KiB");
  EXPECT_EQ(FormatBytes(1024.0 * 1024 - 1), "1.00 MiB");
  EXPECT_EQ(FormatBytes(5.0 * (1ull << 30)), "5.00 GiB");
}

TEST(Format, DurationsGoFromNanosecondsToHours) {
  EXPECT_EQ(FormatDuration(850), "850 ns");
  EXPECT_EQ(FormatDuration(12345), "12.3 us");
  EXPECT_EQ(FormatDuration(1.5e6), "1.50 ms");
  EXPECT_EQ(FormatDuration(90e9), "90.0 s");
  EXPECT_EQ(FormatDuration(125e9), "2 min 05 s");
  EXPECT_EQ(FormatDuration(7500e9), "2 h 05 min");
}

TEST(Format, EstimatesShowTheirIntervalAndExactNumbersDoNot) {
  EXPECT_EQ(FormatEstimate(Estimate::Exact(1500), FormatCount), "1,500");
  EXPECT_EQ(FormatEstimate({1500, 1400, 1600}, FormatCount), "~1,500 (1,400 to 1,600)");
}

TEST(Format, OnlyWhatDrivesATerminalIsEscaped) {
  EXPECT_EQ(EscapeForTerminal("caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"),
            "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80");
  EXPECT_EQ(EscapeForTerminal("\x1b[0m\n\x7f"), "\\x1b[0m\\x0a\\x7f");
  EXPECT_EQ(EscapeForTerminal("\xc2\x9b"), "\\xc2\\x9b") << "C1 control sequence introducer";
  EXPECT_EQ(EscapeForTerminal("\xe2\x80\xae"), "\\xe2\\x80\\xae") << "right-to-left override";
  EXPECT_EQ(EscapeForTerminal("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(EscapeForTerminal("\xc0\x80\xed\xa0\x80"), "\\xc0\\x80\\xed\\xa0\\x80");
}

TEST(Format, ShellWordsAreQuotedWhereTheyMustBe) {
  EXPECT_EQ(ShellWord("app.4711.dump"), "app.4711.dump");
  EXPECT_EQ(ShellWord("my app.dump"), "'my app.dump'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace perfagent

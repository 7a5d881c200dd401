#include "analyzer/report/styled_output.h"

#include <gtest/gtest.h>

namespace perfagent::test {
namespace {

std::string Styled(const TextStyle& style, const std::string& text) {
  StringOutput output;
  {
    StyledOutput styled(style, &output);
    styled.Write(text);
    styled.Flush();
  }
  output.Flush();
  return output.text();
}

TEST(StyledOutputTest, PlainChangesNothing) {
  const std::string text = "CHURN: sites\n  [S1] f (a.cc:1)\n" + std::string(500, 'x') + "\nno end";
  EXPECT_EQ(Styled({}, text), text);
}

TEST(StyledOutputTest, NamesAreShortenedInTheMiddle) {
  const std::string line =
      "  [S1] a::very::long::name<of, many, parameters>(int, char const*) (dir/file.cc:123)";
  const std::vector<std::string> lines = FitLine(line, 40);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0], "  [S1] a::very::lo...) (dir/file.cc:123)");
  EXPECT_EQ(DisplayWidth(lines[0]), 40u);
}

TEST(StyledOutputTest, SentencesAreWrappedBelowTheirText) {
  EXPECT_EQ(FitLine("  lost          12 events (segment unavailable: disk full)", 40),
            (std::vector<std::string>{"  lost          12 events (segment",
                                      "                unavailable: disk full)"}));
  EXPECT_EQ(FitLine("       because many blocks lived for a short time", 30),
            (std::vector<std::string>{"       because many blocks", "         lived for a short",
                                      "         time"}));
  EXPECT_EQ(FitLine("fits", 4), (std::vector<std::string>{"fits"}));
}

TEST(StyledOutputTest, AWordThatIsTooLongIsKeptWhole) {
  const std::string word(50, 'w');
  EXPECT_EQ(FitLine("  a " + word + " b", 20),
            (std::vector<std::string>{"  a", "    " + word, "    b"}));
}

TEST(StyledOutputTest, CharactersOfSeveralBytesAreNotCut) {
  EXPECT_EQ(DisplayWidth("größe"), 5u);
  EXPECT_EQ(ShortenMiddle("ääääääääää", 7), "ää...ää");
  EXPECT_EQ(ShortenMiddle("ääääääääää", 2), "ää");
  EXPECT_EQ(ShortenMiddle("ääää", 4), "ääää");
}

TEST(StyledOutputTest, HeadingsVerdictsAndFindingsHaveTheirColours) {
  const TextStyle color{.columns = {}, .color = true};
  EXPECT_EQ(Styled(color, "CHURN: sites by calls\n"), "\x1b[1mCHURN\x1b[0m: sites by calls\n");
  EXPECT_EQ(Styled(color, "FAILS      bytes<1\n"), "\x1b[31mFAILS \x1b[0m     bytes<1\n");
  EXPECT_EQ(Styled(color, "  [S1] f (a.cc:1)\n"), "  \x1b[36m[S1]\x1b[0m f (a.cc:1)\n");
  EXPECT_EQ(Styled(color, "  leak: 1 MiB (confidence: high)\n"),
            "  \x1b[31mleak\x1b[0m: 1 MiB (confidence: high)\n");
  EXPECT_EQ(Styled(color, "  lost         nothing\n"), "  lost         nothing\n");
  EXPECT_EQ(Styled(color, "  lost         1 event\n"), "\x1b[31m  lost         1 event\x1b[0m\n");
}

TEST(StyledOutputTest, AWrappedLineIsColouredByAllOfIt) {
  EXPECT_EQ(Styled({.columns = 20, .color = true}, "  leak: much was leaked (confidence: high)\n"),
            "  \x1b[31mleak\x1b[0m: much was\n    leaked\n    (confidence:\n    high)\n");
}

}  // namespace
}  // namespace perfagent::test

#include "analyzer/report/unseen.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <size_t N>
void SetText(char (&field)[N], const char* text) {
  snprintf(field, N, "%s", text);
}

std::string TextOf(DumpBuilder& dump) {
  Profile profile = ProfileOf(dump);
  return TextReportOf(&profile);
}

nlohmann::json UnseenOf(DumpBuilder& dump) {
  Profile profile = ProfileOf(dump);
  return nlohmann::json::parse(JsonReportOf(&profile)).at("unseen");
}

// One allocation and its free, both with a whole stack.
void AddSeenBlock(DumpBuilder* dump) {
  StreamBuilder& stream = dump->AddStream();
  const uint64_t stack = dump->Stack({0x401000});
  stream.Alloc(1, 0x1000, 10, stack);
  stream.Put(FreeRecord{HeapApi::kFree, 0, 2, 0x1000, stack});
}

TEST(Unseen, NothingIsSaidWhereEverythingWasSeen) {
  DumpBuilder dump;
  AddSeenBlock(&dump);
  EXPECT_FALSE(Contains(TextOf(dump), "NOT SEEN"));
  const nlohmann::json unseen = UnseenOf(dump);
  for (const auto& [key, value] : unseen.items()) {
    if (key == "events" || key == "frames") continue;
    const bool says_nothing = value.is_array() ? value.empty() : value == 0 || value == false;
    EXPECT_TRUE(says_nothing) << key << " " << value;
  }
}

TEST(Unseen, ProgramThatDefinesMallocIsNamedInsteadOfATableOfZeros) {
  DumpBuilder dump;
  SetText(dump.header().bypassed_by, "/usr/bin/x");
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text, "heap not recorded: /usr/bin/x defines malloc itself")) << text;
  EXPECT_FALSE(Contains(text, "HEAP")) << text;
  EXPECT_FALSE(Contains(text, "LEAKS")) << text;
  EXPECT_FALSE(Contains(text, "everything")) << text;
  EXPECT_TRUE(Contains(text, "LOCKS")) << text;
  EXPECT_EQ(UnseenOf(dump).at("heap_bypassed_by"), nlohmann::json::array({"/usr/bin/x"}));
  EXPECT_TRUE(Contains(InfoOf(dump), "bypassed by       /usr/bin/x")) << InfoOf(dump);
}

TEST(Unseen, WhatCameFromElsewhereIsShownAllTheSame) {
  DumpBuilder dump;
  SetText(dump.header().bypassed_by, "/usr/bin/x");
  AddSeenBlock(&dump);
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text, "heap not recorded: /usr/bin/x")) << text;
  EXPECT_TRUE(Contains(text, "allocated    10 B in 1 calls")) << text;
}

TEST(Unseen, ObjectsBoundPastTheAgentAreNamedOnceEach) {
  DumpBuilder dump;
  AddSeenBlock(&dump);
  StreamBuilder& other = dump.AddStream();
  other.Put(UnseenRecord{5, "/opt/b.so"});
  other.Put(UnseenRecord{6, "/opt/a.so"});
  other.Put(UnseenRecord{7, "/opt/b.so"});
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text,
                       "malloc calls of 2 loaded objects, bound past the recording: /opt/a.so, "
                       "/opt/b.so\n"))
      << text;
  EXPECT_FALSE(Contains(text, "everything")) << text;
  EXPECT_EQ(UnseenOf(dump).at("objects"), nlohmann::json::array({"/opt/a.so", "/opt/b.so"}));
  EXPECT_TRUE(Contains(InfoOf(dump), "not seen: malloc calls of\n  /opt/a.so\n  /opt/b.so\n"));
}

TEST(Unseen, ManyObjectsAreCountedAndTheFirstNamed) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  for (int i = 0; i < 30; ++i) stream.Put(UnseenRecord{1, "/opt/" + std::to_string(100 + i)});
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text, "malloc calls of 30 loaded objects")) << text;
  EXPECT_TRUE(Contains(text, ", /opt/109 and 20 more\n")) << text;
  EXPECT_EQ(UnseenOf(dump).at("objects").size(), 30u);
}

TEST(Unseen, ShareOfEventsWithoutAWholeStackIsSaid) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  const uint64_t whole = dump.Stack({0x401000});
  const uint64_t truncated = dump.Stack({0x401000}, 0, kStackTruncated);
  stream.Alloc(1, 0x1000, 10, whole);
  stream.Alloc(2, 0x2000, 10, truncated);
  stream.Put(FreeRecord{HeapApi::kFree, 0, 3, 0x1000, truncated});
  stream.Free(4, 0x2000);  // no stack
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 5, 1000, 0x9000, truncated});
  stream.Realloc(6, 0, 0x3000, 10, whole);
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 7, 1000, 0x9000, whole});
  stream.Alloc(8, 0x4000, 10, whole);
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text,
                       "stacks: of 8 events 3 (37.5 %) have one that ends early, 1 (12.5 %) have "
                       "none"))
      << text;
  const nlohmann::json unseen = UnseenOf(dump);
  EXPECT_EQ(unseen.at("events"), 8);
  EXPECT_EQ(unseen.at("truncated_stacks"), 3);
  EXPECT_EQ(unseen.at("missing_stacks"), 1);
}

TEST(Unseen, EndsOfBlocksThatWereNeverSeenAreCounted) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  for (uint64_t i = 0; i < 1234; ++i) stream.Free(i, 0x1000 + i);
  stream.Realloc(2000, 0x5000, 0x6000, 10, 0);
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text, "the beginning of blocks that 1,234 frees and 1 reallocs ended"))
      << text;
  EXPECT_EQ(UnseenOf(dump).at("unpaired_frees"), 1234);
  EXPECT_EQ(UnseenOf(dump).at("unpaired_reallocations"), 1);
}

TEST(Unseen, RepairedInversionsAndOverlapsAreApart) {
  DumpBuilder dump;
  StreamBuilder& main = dump.AddStream();
  StreamBuilder& other = dump.AddStream();
  main.Alloc(1, 0x1000, 10, 0);
  other.Alloc(100, 0x1000, 20, 0);
  main.Free(200, 0x1000);
  main.Alloc(300, 0x2000, 10, 0);
  main.Alloc(400, 0x2000, 10, 0);
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text, "the true order of 1 frees")) << text;
  EXPECT_TRUE(Contains(text, "the end of 1 blocks")) << text;
  EXPECT_FALSE(Contains(text, "everything")) << text;
  EXPECT_EQ(UnseenOf(dump).at("repaired_inversions"), 1);
  EXPECT_EQ(UnseenOf(dump).at("overlaps"), 1);
}

TEST(Unseen, LossesThatLieInTheProgramAreCountedByWhatTheyAre) {
  DumpBuilder dump;
  dump.header().losses[static_cast<size_t>(Loss::kReentered)] = 7;
  dump.header().losses[static_cast<size_t>(Loss::kQuietChild)] = 2;
  dump.header().losses[static_cast<size_t>(Loss::kSandboxed)] = 312;
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text, "lost         7 events (event inside the agent")) << text;
  EXPECT_TRUE(Contains(text, "lost         2 children (forked child not recorded")) << text;
  EXPECT_TRUE(Contains(text, "lost         312 events (segment unavailable: the program's seccomp"))
      << text;
  const nlohmann::json unseen = UnseenOf(dump);
  EXPECT_EQ(unseen.at("reentered"), 7);
  EXPECT_EQ(unseen.at("quiet_children"), 2);
  EXPECT_EQ(unseen.at("sandboxed"), 312);
}

TEST(Unseen, PausedMeansTheWordIsOne) {
  DumpBuilder dump;
  dump.header().paused = 1;
  EXPECT_TRUE(Contains(TextOf(dump), "what happens now: recording is paused"));
  EXPECT_EQ(UnseenOf(dump).at("paused"), true);
  dump.header().paused = 0x80000000;  // not allowed: without effect
  EXPECT_FALSE(Contains(TextOf(dump), "paused"));
  EXPECT_EQ(UnseenOf(dump).at("paused"), false);
}

TEST(Unseen, IntervalsThatCameLaterAreNamed) {
  DumpBuilder dump;
  dump.header().mode = Mode::kSample;
  dump.header().interval_bytes = 512 << 10;
  StreamBuilder& stream = dump.AddStream();
  EXPECT_FALSE(Contains(TextOf(dump), "then changed"));
  for (const uint64_t bytes : {1 << 20, 512 << 10, 4 << 10, 1 << 20}) {
    stream.Put(IntervalRecord{1, bytes});
  }
  const std::string text = TextOf(dump);
  EXPECT_TRUE(Contains(text,
                       "mean 512 KiB between samples, then changed to a mean of 4.00 KiB to "
                       "1.00 MiB between samples\n"))
      << text;
  EXPECT_EQ(UnseenOf(dump).at("other_intervals_bytes"), nlohmann::json({4 << 10, 1 << 20}));
}

TEST(Unseen, SeveralProcessesAreAddedUp) {
  DumpBuilder a;
  SetText(a.header().bypassed_by, "/usr/bin/x");
  a.AddStream().Put(UnseenRecord{1, "/opt/a.so"});
  a.AddStream().Free(1, 0x1000);
  DumpBuilder b;
  b.header().paused = 1;
  b.header().losses[static_cast<size_t>(Loss::kReentered)] = 2;
  b.AddStream().Put(UnseenRecord{1, "/opt/b.so"});
  b.AddStream().Free(1, 0x1000);
  std::vector<Profile> profiles;
  profiles.push_back(ProfileOf(a));
  profiles.push_back(ProfileOf(b));
  const nlohmann::json report = nlohmann::json::parse(JsonReportOf(std::move(profiles)));
  const nlohmann::json& unseen = report.at("unseen");
  EXPECT_EQ(unseen.at("heap_bypassed_by"), nlohmann::json::array({"/usr/bin/x"}));
  EXPECT_EQ(unseen.at("objects"), nlohmann::json::array({"/opt/a.so", "/opt/b.so"}));
  EXPECT_EQ(unseen.at("unpaired_frees"), 2);
  EXPECT_EQ(unseen.at("reentered"), 2);
  EXPECT_EQ(unseen.at("paused"), true);
  EXPECT_EQ(report.at("processes").at(1).at("unseen").at("unpaired_frees"), 1);
}

TEST(Unseen, AllocatorIsNamedWhereItIsKnown) {
  DumpBuilder dump;
  EXPECT_FALSE(Contains(TextOf(dump), "allocator"));
  SetText(dump.header().allocator, "/usr/lib/libjemalloc.so.2");
  EXPECT_TRUE(Contains(TextOf(dump), "  allocator    /usr/lib/libjemalloc.so.2\n"));
  EXPECT_TRUE(Contains(InfoOf(dump), "allocator         /usr/lib/libjemalloc.so.2\n"));
  Profile profile = ProfileOf(dump);
  EXPECT_EQ(nlohmann::json::parse(JsonReportOf(&profile)).at("processes").at(0).at("allocator"),
            "/usr/lib/libjemalloc.so.2");
}

TEST(Marks, AreListedByTimeWhicheverThreadMadeThem) {
  DumpBuilder dump;
  StreamBuilder& main = dump.AddStream();
  main.Put(MarkRecord{3'000'000, "third"});
  StreamBuilder& other = dump.AddStream();
  other.Put(MarkRecord{1'000'000, "first"});
  other.Put(MarkRecord{2'000'000, "second"});
  EXPECT_TRUE(
      Contains(TextOf(dump), "\nMARKS\n  1.00 ms  first\n  2.00 ms  second\n  3.00 ms  third\n"))
      << TextOf(dump);
  Profile profile = ProfileOf(dump);
  const nlohmann::json process =
      nlohmann::json::parse(JsonReportOf(&profile)).at("processes").at(0);
  ASSERT_EQ(process.at("marks").size(), 3u);
  EXPECT_EQ(process.at("marks").at(0), (nlohmann::json{{"time_ns", 1'000'000}, {"text", "first"}}));
  EXPECT_EQ(process.at("marks").at(2).at("text"), "third");
}

TEST(Marks, MoreThanTheListHoldsAreCounted) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  for (uint64_t i = 0; i < 2000; ++i) stream.Put(MarkRecord{i, "mark"});
  EXPECT_TRUE(Contains(TextOf(dump), "  9 ns  mark\n  and 1,990 more\n")) << TextOf(dump);
  EXPECT_FALSE(Contains(TextOf(dump), "10 ns  mark"));
}

TEST(Marks, NoneMakesNoSection) {
  DumpBuilder dump;
  EXPECT_FALSE(Contains(TextOf(dump), "MARKS"));
}

}  // namespace
}  // namespace perfagent::test

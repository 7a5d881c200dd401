#include "analyzer/model/process.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

std::string PathAt(const Process& process, uint64_t stack, size_t frame) {
  const std::optional<StackId> id = process.FindStack(stack);
  if (!id) return "undefined";
  const std::optional<ModuleId> module = process.Frames(*id)[frame].module;
  return module ? process.modules()[module->value()].path : "none";
}

TEST(Process, PcBelongsToTheModuleOfItsEpoch) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  dump.Module(0x1000, 0x2000, "/first.so", 0);
  stream.Put(ModuleUnloadRecord{10, 1, 0x1000});
  dump.Module(0x1000, 0x3000, "/second.so", 1);
  const uint64_t before = dump.Stack({0x1800}, 0);
  const uint64_t after = dump.Stack({0x1800}, 1);
  const Profile profile = ProfileOf(dump);
  EXPECT_EQ(PathAt(profile.dump.process, before, 0), "/first.so");
  EXPECT_EQ(PathAt(profile.dump.process, after, 0), "/second.so");
}

TEST(Process, UnloadOfOneModuleLeavesOthersAndTheirStacksAsTheyWere) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  dump.Module(0x1000, 0x2000, "/stays.so", 0);
  dump.Module(0x5000, 0x6000, "/goes.so", 0);
  stream.Put(ModuleUnloadRecord{10, 1, 0x5000});
  const uint64_t before = dump.Stack({0x1800}, 0);
  const uint64_t after = dump.Stack({0x1800}, 1);
  const uint64_t gone = dump.Stack({0x5800}, 1);
  const Profile profile = ProfileOf(dump);
  EXPECT_EQ(profile.dump.process.FindStack(before), profile.dump.process.FindStack(after));
  EXPECT_EQ(PathAt(profile.dump.process, gone, 0), "none");
}

TEST(Process, AThreadThatIsDescribedAgainIsOne) {
  DumpBuilder dump;
  StreamBuilder& first = dump.AddStream();
  StreamBuilder& second = dump.AddStream();
  for (const char* name : {"main", "main", "renamed", "main"}) first.Thread(1, 4711, name);
  second.Thread(2, 4712, "worker");
  second.Thread(3, 4712, "worker");
  Profile profile = ProfileOf(dump);
  EXPECT_EQ(profile.dump.process.threads().size(), 4u);
  const nlohmann::json report = nlohmann::json::parse(JsonReportOf(&profile));
  EXPECT_EQ(report.at("processes").at(0).at("threads"), 2);
}

TEST(Process, ModuleLoadedAgainAtItsPlaceMakesTheSameStacks) {
  DumpBuilder dump;
  StreamBuilder& stream = dump.AddStream();
  dump.Module(0x1000, 0x2000, "/plugin.so", 0);
  stream.Put(ModuleUnloadRecord{10, 1, 0x1000});
  dump.Module(0x1000, 0x2000, "/plugin.so", 1);
  const uint64_t before = dump.Stack({0x1800}, 0);
  const uint64_t after = dump.Stack({0x1800}, 1);
  const Profile profile = ProfileOf(dump);
  EXPECT_EQ(profile.dump.process.modules().size(), 1u);
  EXPECT_EQ(profile.dump.process.FindStack(before), profile.dump.process.FindStack(after));
}

TEST(Process, CallAtTheVeryEndOfAModuleBelongsToIt) {
  DumpBuilder dump;
  dump.Module(0x1000, 0x2000, "/a.so", 0);
  dump.Module(0x2000, 0x3000, "/b.so", 0);
  const uint64_t stack = dump.Stack({0x2000});
  EXPECT_EQ(PathAt(ProfileOf(dump).dump.process, stack, 0), "/a.so");
}

TEST(Process, NestedModulesAreFoundFromOutsideToo) {
  DumpBuilder dump;
  dump.Module(0x1000, 0x9000, "/outer.so", 0);
  dump.Module(0x2000, 0x3000, "/inner.so", 0);
  const uint64_t stack = dump.Stack({0x5000, 0x2800});
  const Profile profile = ProfileOf(dump);
  EXPECT_EQ(PathAt(profile.dump.process, stack, 0), "/outer.so");
  EXPECT_EQ(PathAt(profile.dump.process, stack, 1), "/inner.so");
}

TEST(Process, HostileStackIdsCostNoMemory) {
  DumpBuilder dump;
  const uint64_t pc = 0x1234;
  dump.AddStream().Put(StackRecord{UINT64_MAX, 0, 0, 0, 1, &pc});
  dump.AddStream().Put(StackRecord{uint64_t{1} << 40, 0, 0, 0, 1, &pc});
  const Profile profile = ProfileOf(dump);
  EXPECT_EQ(profile.dump.process.FindStack(UINT64_MAX),
            profile.dump.process.FindStack(uint64_t{1} << 40));
  EXPECT_EQ(profile.dump.process.FindStack(5), std::nullopt);
}

TEST(Process, TruncatedStackIsNotTheSameAsAWholeOne) {
  DumpBuilder dump;
  const uint64_t whole = dump.Stack({0x1000});
  const uint64_t cut = dump.Stack({0x1000}, 0, kStackTruncated);
  const Profile profile = ProfileOf(dump);
  EXPECT_NE(profile.dump.process.FindStack(whole), profile.dump.process.FindStack(cut));
  EXPECT_TRUE(profile.dump.process.IsTruncated(*profile.dump.process.FindStack(cut)));
}

TEST(Process, TextFieldsWithoutAnEndStopAtTheirSize) {
  DumpBuilder dump;
  std::fill(std::begin(dump.header().host), std::end(dump.header().host), 'h');
  EXPECT_EQ(ProfileOf(dump).dump.process.facts.host, std::string(64, 'h'));
}

TEST(Process, LossesAreNamedByCauseAndUnknownOnesKept) {
  DumpBuilder dump;
  dump.header().losses[static_cast<size_t>(Loss::kDiskFull)] = 3;
  dump.header().losses[kLossSlots - 1] = 2;
  const ProcessFacts facts = ProfileOf(dump).dump.process.facts;
  EXPECT_EQ(facts.TotalLost(), 5u);
  ASSERT_EQ(facts.losses.size(), 2u);
  EXPECT_EQ(facts.losses[0].cause, "disk_full");
  EXPECT_EQ(facts.losses[1].cause, "cause_31");
}

TEST(Process, OpenDumpOfAnotherProcessWasKilledAtItsLastEvent) {
  DumpBuilder dump;
  dump.header().end_state = EndState::kOpen;
  dump.AddStream().Alloc(12345, 0x1000, 1, 0);
  const ProcessFacts facts = ProfileOf(dump).dump.process.facts;
  EXPECT_EQ(facts.ended, Ended::kKilled);
  EXPECT_EQ(facts.duration_ns, 12345u);
}

}  // namespace
}  // namespace perfagent::test

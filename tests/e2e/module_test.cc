// Libraries that come and go. (Names where one library is mapped at another's address: samples_test.cc.)
#include <gtest/gtest.h>

#include <string>

#include "tests/support/behaviour.h"

namespace perfagent::test {
namespace {

class Modules : public testing::TestWithParam<std::string> {
 protected:
  Recording RecordLoads(const std::string& how) const {
    Surroundings around;
    around.settings = {{"MODE", GetParam()}, {"INTERVAL", "64"}};
    return RecordLikeBare({TestProgram("loads"), how}, around);
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, Modules, testing::Values("full", "sample"),
                         [](const auto& info) { return info.param; });

// The function's name and library are told from the dump, long after the program unloaded it.
void ExpectNamed(const nlohmann::json& report) {
  const std::vector<nlohmann::json> sites = SitesBelow(report, "HiddenAllocates");
  EXPECT_FALSE(sites.empty());
  for (const nlohmann::json& site : sites) {
    for (const nlohmann::json& frame : site.at("stack")) {
      if (!IsFunction(frame.at("function"), "HiddenAllocates")) continue;
      EXPECT_TRUE(frame.at("module").get<std::string>().ends_with("/sub/libhidden.so")) << frame;
    }
  }
}

// dlopen looks at its caller: in the place of libcaller.so, the agent would find nothing.
TEST_P(Modules, TheCallersRunpathCounts) {
  const Recording recording = RecordLoads("runpath");
  EXPECT_NE(recording.process.out.find("found by the program itself: 0"), std::string::npos);
  ExpectWhole(recording.dumps);
  ExpectNamed(Report(recording.dump()));
  if (GetParam() == "full") ExpectTruth(recording);
}

TEST_P(Modules, LibrariesComeAndGoWhileOtherThreadsAllocate) {
  const Recording recording = RecordLoads("threads");
  ExpectWhole(recording.dumps);
  ExpectNamed(Report(recording.dump()));
  if (GetParam() == "full") ExpectTruth(recording);
}

}  // namespace
}  // namespace perfagent::test

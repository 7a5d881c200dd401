// The page's data, taken out of the page as a browser takes it: it says what the JSON report says.
#include "analyzer/report/html_report.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/escaping.h"
#include "analyzer/model/wait_history.h"
#include "tests/support/analyze.h"
#include "tests/support/dump_builder.h"

namespace perfagent::test {
namespace {

nlohmann::json DataOf(const std::string& page) {
  const std::string before = "id=\"data\">";
  const size_t begin = page.find(before) + before.size();
  std::string deflated;
  EXPECT_TRUE(absl::Base64Unescape(page.substr(begin, page.find('<', begin) - begin), &deflated));
  std::string text(size_t{1} << 24, '\0');
  uLongf size = text.size();
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                       reinterpret_cast<const Bytef*>(deflated.data()), deflated.size()),
            Z_OK);
  return nlohmann::json::parse(text.substr(0, size));
}

// The page's form of a report as that report.
class Expander {
 public:
  explicit Expander(const nlohmann::json& page) : page_(page) {}

  // Every field of `report` is in `compact`, and says the same.
  void ExpectSame(const nlohmann::json& report, const nlohmann::json& compact,
                  const std::string& where) const {
    if (report.is_object() && report.contains("low")) {
      EXPECT_EQ(report, NumberOf(compact)) << where;
    } else if (report.is_object() && report.contains("inlined")) {
      EXPECT_EQ(report, FrameAt(compact)) << where;
    } else if (report.is_array() && compact.is_number()) {
      EXPECT_EQ(report, StackAt(compact)) << where;
    } else if (report.is_object()) {
      for (const auto& [key, value] : report.items()) {
        ASSERT_TRUE(compact.contains(key)) << where << "." << key;
        ExpectSame(value, compact.at(key), where + "." + key);
      }
    } else if (report.is_array()) {
      ASSERT_EQ(report.size(), compact.size()) << where;
      for (size_t i = 0; i < report.size(); ++i) {
        ExpectSame(report[i], compact[i], where + "[" + std::to_string(i) + "]");
      }
    } else {
      EXPECT_EQ(report, compact) << where;
    }
  }

 private:
  static nlohmann::json NumberOf(const nlohmann::json& compact) {
    if (!compact.is_array()) return {{"value", compact}, {"low", compact}, {"high", compact}};
    return {{"value", compact[0]}, {"low", compact[1]}, {"high", compact[2]}};
  }

  nlohmann::json FrameAt(size_t frame) const {
    const nlohmann::json& frames = page_.at("frames");
    const auto text = [&](const char* column) {
      return page_.at("strings").at(frames.at(column).at(frame).get<size_t>());
    };
    return {{"function", text("function")},
            {"file", text("file")},
            {"line", frames.at("line").at(frame)},
            {"module", text("module")},
            {"inlined", frames.at("inlined").at(frame) == 1}};
  }

  nlohmann::json StackAt(size_t stack) const {
    nlohmann::json frames = nlohmann::json::array();
    const nlohmann::json& stacks = page_.at("stacks");
    for (; stack != 0; stack = stacks.at("caller").at(stack)) {
      frames.push_back(FrameAt(stacks.at("frame").at(stack)));
    }
    return frames;
  }

  const nlohmann::json& page_;
};

// A wait and blocks in known parts of a second.
void Fill(DumpBuilder* dump) {
  StreamBuilder& stream = dump->AddStream();
  stream.Thread(0, 1, "</script><!--");
  dump->Module(0x400000, 0x500000, "/nonexistent/app");
  const uint64_t first = dump->Stack({0x401000, 0x402000});
  const uint64_t second = dump->Stack({0x403000, 0x402000});
  stream.Alloc(10'000'000, 0x1000, 64, first);
  stream.Alloc(20'000'000, 0x2000, 100, second);
  stream.Alloc(900'000'000, 0x3000, 36, first);
  stream.Put(LockWaitRecord{LockApi::kMutexLock, 0, 950'000'000, 2'000, 0x9000, second});
  dump->AddLockTable().PutSlot(0x9000, 0x401000, 1, 2'000);
}

class PageTest : public ::testing::Test {
 protected:
  PageTest() {
    DumpBuilder dump;
    Fill(&dump);
    profile_.emplace(ProfileOf(dump));
    page_ = HtmlReportOf(&*profile_);
    data_ = DataOf(page_);
  }

  nlohmann::json Process() const { return data_.at("data").at("processes").at(0); }

  std::optional<Profile> profile_;
  std::string page_;
  nlohmann::json data_;
};

TEST_F(PageTest, SaysWhatTheReportSays) {
  const nlohmann::json report = nlohmann::json::parse(JsonReportOf(&*profile_));
  Expander(data_).ExpectSame(report.at("processes"), data_.at("data").at("processes"), "processes");
  EXPECT_EQ(data_.at("kind"), "report");
}

TEST_F(PageTest, NoNameEndsTheScript) {
  EXPECT_EQ(Process().at("thread_list").at(0).at(1), "</script><!--");
  EXPECT_EQ(page_.find("</script><!--"), page_.npos);
}

TEST_F(PageTest, PartsOfTheTimeAddUpToTheWhole) {
  const nlohmann::json heap = Process().at("heap");
  const auto sum = [](const nlohmann::json& numbers) {
    return std::accumulate(
        numbers.begin(), numbers.end(), 0.0,
        [](double total, const nlohmann::json& n) { return total + n.get<double>(); });
  };
  double calls = 0, bytes = 0;
  for (const nlohmann::json& site : heap.at("sites")) {
    calls += sum(site.at("history").at("calls"));
    bytes += sum(site.at("history").at("bytes"));
  }
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(bytes, 200);
  const nlohmann::json locks = Process().at("locks");
  EXPECT_EQ(sum(locks.at("history")), 2'000);
  EXPECT_EQ(locks.at("history").at(30), 2'000);
}

TEST(WaitHistory, AWaitIsInEachSlotThatItTouches) {
  WaitHistory history;
  history.Add(50, 300, 2, 100);
  EXPECT_EQ(history.wait_ns()[0], 100);
  EXPECT_EQ(history.wait_ns()[1], 200);
  EXPECT_EQ(history.wait_ns()[2], 200);
  EXPECT_EQ(history.wait_ns()[3], 100);
  EXPECT_EQ(history.wait_ns()[4], 0);
}

TEST(WaitHistory, WhatIsLaterThanAllSlotsIsInTheLast) {
  WaitHistory history;
  history.Add(UINT64_MAX, UINT64_MAX, 1, 1);
  history.Add(99 * kSlots, 1'000, 1, 100);
  EXPECT_EQ(history.wait_ns()[kSlots - 1], static_cast<double>(UINT64_MAX) + 1'000);
}

}  // namespace
}  // namespace perfagent::test

// Which stacks are recognized, on a stack that is made word by word, of functions whose rules are made, too.
//
//   word:  4      7    8      11         12         18       19    20    26  27     28     31
//          insert CFA  [rbp]  statement  statement  rbp of   loop  loop      start  start  0
//          sp ►                          sp ►       loop     sp ►            sp ►
//
// insert is realigned, loop has a frame pointer, statement saves rbp without using it. The way from insert to loop reads
// what the picture names; of that, the rbp in word 8 does not count, because statement does not need it.
#include "agent/unwind/stack_memo.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "agent/unwind/rule_table.h"
#include "agent/unwind/spine.h"

namespace perfagent {
namespace {

constexpr uint64_t kEpoch = 3;
constexpr size_t kWords = 40;

// Return addresses; nothing is there.
constexpr uint64_t kStart = 0x1001, kStartOfAnother = 0x1002, kLoop = 0x2001, kStatement = 0x3001,
                   kInsert = 0x4001, kOther = 0x5001, kRecurse = 0x6001;

// Of a thread's storage, which lies right below its control block: the walks take it for a part of the thread's stack.
thread_local uint64_t words[kWords];

uint64_t At(size_t word) { return reinterpret_cast<uint64_t>(&words[word]); }

// To the caller's frame over so many words.
Rule FrameOf(int32_t frame_words) { return {Rule::kFrame, false, false, frame_words * 8, 0}; }

void DefineRules(uint64_t epoch) {
  const std::pair<uint64_t, Rule> rules[] = {
      {kStart, FrameOf(4)},
      {kStartOfAnother, FrameOf(4)},
      {kLoop, {Rule::kFrame, true, true, 16, -16}},
      {kStatement, {Rule::kFrame, false, true, 64, -16}},
      {kInsert, {Rule::kRealigned, true, true, 8, 0}},
      {kOther, FrameOf(4)},
      {kRecurse, FrameOf(1)},
  };
  for (const auto& [pc, rule] : rules) {
    rule_table::Slot& slot = rule_table::slots[rule_table::HomeOf(pc)];
    slot.pc = pc;
    slot.rule = PackedRule(rule, epoch).bits();
  }
}

class StackMemoTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(rule_table::Start()); }

  void SetUp() override {
    DefineRules(kEpoch);
    for (size_t word = 0; word < kWords; ++word) words[word] = word;
    words[7] = words[9] = At(12);
    words[11] = kStatement;
    words[18] = At(26);
    words[15] = words[19] = kLoop;
    words[27] = kStart;
    words[31] = 0;
    workspace_.bounds.Enter(At(0));
    ASSERT_TRUE(Readable().Contains(At(0)) && Readable().Contains(At(kWords - 1)));
  }

  StackBounds::Range Readable() const { return workspace_.bounds.range(); }

  void Walk(const FrameState& from, const std::vector<uint64_t>& pcs, uint64_t epoch = kEpoch) {
    ASSERT_TRUE(spine_->Walk(from, epoch, Spine::kMost, &workspace_));
    ASSERT_EQ(std::vector<uint64_t>(spine_->pcs(), spine_->pcs() + spine_->count()), pcs);
  }
  // Leaves the spine with another leaf, which loop called.
  void WalkToOther() { Walk(other_, {kStart, kLoop, kOther}); }
  void WalkToInsert() { Walk(insert_, {kStart, kLoop, kStatement, kInsert}); }
  void KeepInsert() {
    WalkToOther();
    WalkToInsert();
    memo_->Keep(insert_, *spine_, kInsertId);
    insert_hash_ = spine_->hash(3);
    WalkToOther();
  }
  void KeepStatement() {
    WalkToOther();
    Walk(statement_, {kStart, kLoop, kStatement});
    memo_->Keep(statement_, *spine_, kStatementId);
    WalkToOther();
  }

  // The id of what is recognized; 0: nothing.
  uint64_t IdOf(const FrameState& from, uint64_t epoch, const StackBounds::Range& readable) const {
    const StackMemo::Known* known = memo_->Find(from, epoch, *spine_, readable);
    return known != nullptr ? known->id : 0;
  }
  uint64_t IdOf(const FrameState& from) const { return IdOf(from, kEpoch, Readable()); }
  // The words whose change alone hides the stack.
  std::set<size_t> WordsThatCountFor(const FrameState& from) const {
    std::set<size_t> found;
    for (size_t word = 0; word < kWords; ++word) {
      for (const uint64_t bit : {uint64_t{1}, uint64_t{1} << 63}) {
        words[word] ^= bit;
        if (IdOf(from) == 0) found.insert(word);
        words[word] ^= bit;
      }
    }
    return found;
  }

  static constexpr uint64_t kInsertId = 71, kStatementId = 72;
  const FrameState other_ = {kOther, At(16), At(26)};
  const FrameState insert_ = {kInsert, At(4), At(8)};
  const FrameState statement_ = {kStatement, At(12), 0};
  Workspace workspace_;
  std::unique_ptr<Spine> spine_ = std::make_unique<Spine>();
  std::unique_ptr<StackMemo> memo_ = std::make_unique<StackMemo>();
  uint64_t insert_hash_ = 0;
};

TEST_F(StackMemoTest, FindsAnUnchangedStackAndNoOther) {
  WalkToOther();
  EXPECT_EQ(IdOf(insert_), 0u);
  KeepInsert();
  const StackMemo::Known* known = memo_->Find(insert_, kEpoch, *spine_, Readable());
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->id, kInsertId);
  EXPECT_EQ(known->hash, insert_hash_);
  EXPECT_EQ(IdOf(statement_), 0u);
  // So many that some share its entry.
  for (uint64_t pc = kInsert + 1; pc < kInsert + 1000; ++pc)
    EXPECT_EQ(IdOf({pc, insert_.sp, insert_.rbp}), 0u);
  for (uint64_t sp = Readable().low; sp < Readable().top; sp += 8)
    EXPECT_EQ(IdOf({kInsert, sp, insert_.rbp}), sp == insert_.sp ? kInsertId : 0);
}

TEST_F(StackMemoTest, EveryWordThatTheWayDependsOnCountsAndNoOther) {
  KeepInsert();
  KeepStatement();
  EXPECT_EQ(WordsThatCountFor(insert_), (std::set<size_t>{7, 11, 18, 19, 27, 31}));
  EXPECT_EQ(WordsThatCountFor(statement_), (std::set<size_t>{18, 19, 27, 31}));
  EXPECT_EQ(IdOf(insert_), kInsertId);
  EXPECT_EQ(IdOf(statement_), kStatementId);
}

TEST_F(StackMemoTest, RbpCountsOnlyWhereTheWayNeedsIt) {
  KeepInsert();
  KeepStatement();
  EXPECT_EQ(IdOf({kInsert, insert_.sp, insert_.rbp + 8}), 0u);
  EXPECT_EQ(IdOf({kStatement, statement_.sp, statement_.rbp + 8}), kStatementId);
}

TEST_F(StackMemoTest, JoinFrameMustBeInThePlaceWhereItWas) {
  KeepInsert();
  // As after alloca: the same functions, in a loop that is larger.
  Walk({kOther, At(12), At(26)}, {kStart, kLoop, kOther});
  EXPECT_EQ(IdOf(insert_), 0u);
  WalkToOther();
  EXPECT_EQ(IdOf(insert_), kInsertId);
}

TEST_F(StackMemoTest, JoinFrameMustHaveTheRbpThatItHad) {
  KeepInsert();
  words[23] = kStart;
  words[27] = 0;
  Walk({kOther, At(16), At(22)}, {kStart, kLoop, kOther});
  EXPECT_EQ(IdOf(insert_), 0u);
}

TEST_F(StackMemoTest, JoinFrameMustHaveTheCallersThatItHad) {
  KeepInsert();
  words[27] = kStartOfAnother;
  Walk(other_, {kStartOfAnother, kLoop, kOther});
  EXPECT_EQ(IdOf(insert_), 0u);
}

TEST_F(StackMemoTest, JoinFrameMustBeOnTheSpine) {
  KeepInsert();
  Walk({kStart, At(28), 0}, {kStart});
  EXPECT_EQ(IdOf(insert_), 0u);
  spine_->Clear();
  EXPECT_EQ(IdOf(insert_), 0u);
}

TEST_F(StackMemoTest, AnotherEpochsStacksAreNotKnown) {
  KeepInsert();
  EXPECT_EQ(IdOf(insert_, kEpoch + 1, Readable()), 0u);
  DefineRules(kEpoch + 1);
  Walk(other_, {kStart, kLoop, kOther}, kEpoch + 1);
  EXPECT_EQ(IdOf(insert_, kEpoch + 1, Readable()), 0u);
  EXPECT_EQ(IdOf(insert_, kEpoch, Readable()), 0u);
}

TEST_F(StackMemoTest, WhatIsNotReadableIsNotLookedAt) {
  KeepInsert();
  EXPECT_EQ(IdOf(insert_, kEpoch, {At(4), At(32)}), kInsertId);
  EXPECT_EQ(IdOf(insert_, kEpoch, {At(5), At(32)}), 0u) << "without the leaf";
  EXPECT_EQ(IdOf(insert_, kEpoch, {At(4), At(19)}), 0u) << "without the join";
  EXPECT_EQ(IdOf(insert_, kEpoch, {At(4), At(27)}), 0u) << "without the outermost frame";
}

TEST_F(StackMemoTest, KeepsOnlyWaysToAFrameOfTheLastWalk) {
  WalkToInsert();
  memo_->Keep(insert_, *spine_, kInsertId);
  EXPECT_EQ(IdOf(insert_), 0u) << "walked from nothing: there is no frame that it led to";
  WalkToInsert();
  memo_->Keep(insert_, *spine_, kInsertId);
  EXPECT_EQ(IdOf(insert_), 0u) << "the leaf itself was met: there is no way";
  WalkToOther();
  WalkToInsert();
  memo_->Keep({kInsert, insert_.sp, insert_.rbp + 8}, *spine_, kInsertId);
  EXPECT_EQ(IdOf({kInsert, insert_.sp, insert_.rbp + 8}), 0u)
      << "the spine was walked from elsewhere";
}

// One word of its own and the return address into itself.
TEST_F(StackMemoTest, KeepsWaysOfTwelveWords) {
  for (size_t word = 4; word < 19; ++word) words[word] = kRecurse;
  for (const size_t way : {12, 13}) {
    const FrameState deepest = {kRecurse, At(20 - way), At(26)};
    std::vector<uint64_t> pcs(way, kRecurse);
    pcs.insert(pcs.begin(), {kStart, kLoop});
    // Not from the way before, of which one end would be met.
    spine_->Clear();
    Walk({kLoop, At(20), At(26)}, {kStart, kLoop});
    Walk(deepest, pcs);
    memo_->Keep(deepest, *spine_, way);
    EXPECT_EQ(IdOf(deepest), way == 12 ? way : 0);
  }
}

// The CFA of the second is beyond the frame that the way leads to, hence not covered by what Find asks to be readable.
TEST_F(StackMemoTest, EntryThatCannotBeFinishedIsFree) {
  KeepInsert();
  words[33] = At(12);
  const FrameState beyond = {kInsert, insert_.sp, At(34)};
  Walk(beyond, {kStart, kLoop, kStatement, kInsert});
  memo_->Keep(beyond, *spine_, kInsertId + 1);
  EXPECT_EQ(IdOf(beyond), 0u);
  EXPECT_EQ(IdOf(insert_), 0u);
  KeepInsert();
  EXPECT_EQ(IdOf(insert_), kInsertId);
}

// ---- a handler that leaves by longjmp, at any instruction ----

std::function<void()> at_each_instruction;

// Calls `look` after each instruction of `run`.
void SingleStep(const std::function<void()>& run, const std::function<void()>& look) {
  struct sigaction action = {}, before = {};
  action.sa_handler = [](int) { at_each_instruction(); };
  at_each_instruction = look;
  ASSERT_EQ(sigaction(SIGTRAP, &action, &before), 0);
  // 0x100 is the trap flag; a handler runs without it. The words below rsp may be in use.
  asm volatile(
      "lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
          : "memory", "cc");
  run();
  asm volatile(
      "lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
          : "memory", "cc");
  sigaction(SIGTRAP, &before, nullptr);
}

TEST_F(StackMemoTest, EntryLeftAtAnyInstructionIsTheOldOneOrNoneOrTheNewOne) {
  constexpr uint64_t kSecondId = kInsertId + 1;
  const FrameState second = {kInsert, insert_.sp, At(10)};
  KeepInsert();
  Walk(second, {kStart, kLoop, kStatement, kInsert});
  std::set<std::vector<uint64_t>> seen;
  const auto look = [&] {
    std::vector<uint64_t> ids = {IdOf(insert_), IdOf(second)};
    words[9] ^= 1;
    ids.push_back(IdOf(second));
    words[9] ^= 1;
    seen.insert(ids);
  };
  SingleStep([&] { memo_->Keep(second, *spine_, kSecondId); }, look);
  EXPECT_EQ(seen,
            (std::set<std::vector<uint64_t>>{{kInsertId, 0, 0}, {0, 0, 0}, {0, kSecondId, 0}}));
}

}  // namespace
}  // namespace perfagent

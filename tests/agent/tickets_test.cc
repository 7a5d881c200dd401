#include "agent/tickets.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "agent/clock.h"

namespace perfagent::test {
namespace {

class Tickets : public testing::Test {
 protected:
  void SetUp() override { clock::Start(); }

  std::vector<WaitCut> Collect(const void* lock, uint64_t begin, bool* lost = nullptr) {
    cuts_.resize(tickets::kTicketsPerRing);
    const tickets::Cuts found = tickets::Collect(lock, begin, clock::Now(), cuts_.data());
    if (lost != nullptr) *lost = found.lost;
    return {cuts_.begin(), cuts_.begin() + static_cast<ptrdiff_t>(found.count)};
  }

 private:
  std::vector<WaitCut> cuts_;
};

TEST_F(Tickets, OfTheLockAndTheTimeAreFoundInOrder) {
  int lock = 0, other = 0;
  tickets::Explain(tickets::Leave(&lock, 1), 11);
  const uint64_t begin = clock::Now();
  for (uint32_t stream = 2; stream < 6; ++stream) {
    tickets::Explain(tickets::Leave(&lock, stream), 10 + stream);
    tickets::Leave(&other, 9);
  }
  const std::vector<WaitCut> cuts = Collect(&lock, begin);
  ASSERT_EQ(cuts.size(), 4u);
  for (size_t i = 0; i < cuts.size(); ++i) {
    EXPECT_EQ(cuts[i].stream, i + 2);
    EXPECT_EQ(cuts[i].stack, i + 12);
    EXPECT_GE(cuts[i].after, i > 0 ? cuts[i - 1].after : 0);
  }
}

TEST_F(Tickets, AStackThatIsNotKnownYetIsAskedForOnce) {
  int lock = 0;
  const uint64_t begin = clock::Now();
  const tickets::Ticket early = tickets::Leave(&lock, 1);
  const tickets::Ticket late = tickets::Leave(&lock, 2);
  EXPECT_FALSE(tickets::Explain(early, 7)) << "nobody has asked";
  ASSERT_EQ(Collect(&lock, begin).size(), 2u);
  EXPECT_TRUE(tickets::Explain(late, 8));
  const std::vector<WaitCut> cuts = Collect(&lock, begin);
  EXPECT_EQ(cuts[0].stack, 7u);
  EXPECT_EQ(cuts[1].stack, 8u) << "who comes later has it from the ticket";
  EXPECT_FALSE(tickets::Explain(late, 8));
}

TEST_F(Tickets, ThoseWithoutAStreamHaveNoStackToAskFor) {
  int lock = 0;
  const uint64_t begin = clock::Now();
  const tickets::Ticket ticket = tickets::Leave(&lock, tickets::kNoStream);
  const std::vector<WaitCut> cuts = Collect(&lock, begin);
  ASSERT_EQ(cuts.size(), 1u);
  EXPECT_EQ(cuts[0].stream, tickets::kNoStream);
  EXPECT_EQ(cuts[0].stack, 0u);
  EXPECT_FALSE(tickets::Explain(ticket, 0));
}

TEST_F(Tickets, SayWithWhichFlagsTheyWereLeft) {
  int lock = 0;
  const uint64_t begin = clock::Now();
  tickets::Leave(&lock, 7, kCutByReader);
  tickets::Leave(&lock, tickets::kNoStream, kCutByReader);
  tickets::Leave(&lock, 8);
  const std::vector<WaitCut> cuts = Collect(&lock, begin);
  ASSERT_EQ(cuts.size(), 3u);
  EXPECT_EQ(cuts[0].stream, 7u);
  EXPECT_EQ(cuts[0].flags, kCutByReader);
  EXPECT_EQ(cuts[1].stream, tickets::kNoStream);
  EXPECT_EQ(cuts[1].flags, kCutByReader);
  EXPECT_EQ(cuts[2].flags, 0u);
}

TEST_F(Tickets, WithdrawnOnesCutNothing) {
  int lock = 0;
  const uint64_t begin = clock::Now();
  tickets::Withdraw(tickets::Leave(&lock, 1));
  EXPECT_TRUE(Collect(&lock, begin).empty());
}

TEST_F(Tickets, MoreThanARingHoldsAreSaidToBeLost) {
  int lock = 0;
  const uint64_t begin = clock::Now();
  bool lost = true;
  for (uint32_t i = 0; i < 100; ++i) tickets::Leave(&lock, i);
  Collect(&lock, begin, &lost);
  EXPECT_FALSE(lost);
  for (uint32_t i = 0; i < tickets::kTicketsPerRing; ++i) tickets::Leave(&lock, i);
  const std::vector<WaitCut> cuts = Collect(&lock, begin, &lost);
  EXPECT_TRUE(lost);
  ASSERT_FALSE(cuts.empty());
  EXPECT_EQ(cuts.back().stream, tickets::kTicketsPerRing - 1) << "the last ones are kept";
}

// Streams say which lock a ticket is of: whoever collects must never see one of another turn of the ring.
TEST_F(Tickets, OfManyThreadsAreNeverMixedUp) {
  constexpr uint32_t kThreads = 4;
  static int locks[kThreads];
  std::atomic<bool> stop{false};
  std::atomic<uint32_t> running{0};
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([i, &stop, &running] {
      tickets::Explain(tickets::Leave(&locks[i], i), 100 + i);
      ++running;
      while (!stop) tickets::Explain(tickets::Leave(&locks[i], i), 100 + i);
    });
  }
  while (running < kThreads) std::this_thread::yield();
  size_t seen = 0;
  WaitCut cuts[tickets::kTicketsPerRing];
  for (uint32_t round = 0; round < 3000; ++round) {
    const uint32_t i = round % kThreads;
    const tickets::Cuts found = tickets::Collect(&locks[i], 0, UINT64_MAX, cuts);
    for (size_t at = 0; at < found.count; ++at) {
      ASSERT_EQ(cuts[at].stream, i);
      ASSERT_TRUE(cuts[at].stack == 0 || cuts[at].stack == 100 + i) << cuts[at].stack;
    }
    seen += found.count;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(seen, 0u);
}

}  // namespace
}  // namespace perfagent::test

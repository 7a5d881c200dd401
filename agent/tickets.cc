#include "agent/tickets.h"

#include <algorithm>
#include <atomic>

#include "agent/clock.h"
#include "agent/sampler.h"
#include "agent/sys.h"

namespace perfagent::tickets {

namespace {

// A ticket's word: its number, and what is known of its stack: one of these, or kFirstStack and the stack's id.
constexpr unsigned kStateBits = 40;
constexpr uint64_t kStates = (uint64_t{1} << kStateBits) - 1;
enum State : uint64_t { kBeingWritten, kOpen, kAsked, kNoStack, kWithdrawn, kFirstStack };

struct Slot {
  std::atomic<uint64_t> word;
  std::atomic<uint64_t> lock;
  std::atomic<uint64_t> time;
  std::atomic<uint64_t> giver;  // its stream, and the cut's flags above it
};
constexpr unsigned kStreamBits = 32;

struct alignas(4096) Rings {
  Slot slots[kRings][kTicketsPerRing];
  std::atomic<uint64_t> left[kRings];  // tickets, ever
};
constinit Rings rings = {};

// Scrambled: locks at equal distances would share few rings.
uint32_t RingOf(const void* lock) {
  return static_cast<uint32_t>(sampler::Scramble(reinterpret_cast<uintptr_t>(lock) >> 3) % kRings);
}

Slot& SlotOf(uint32_t ring, uint64_t number) { return rings.slots[ring][number % kTicketsPerRing]; }
uint64_t WordOf(uint64_t number, uint64_t state) { return number << kStateBits | state; }
bool IsOf(uint64_t word, uint64_t number) { return (word ^ WordOf(number, 0)) <= kStates; }

// In number space: is the word's ticket of a later turn?
bool IsNewer(uint64_t word, uint64_t number) {
  return static_cast<int64_t>((word & ~kStates) - WordOf(number, 0)) > 0;
}

// What the slot's ticket was before; kBeingWritten when it is another one's by now.
uint64_t Change(const Ticket& ticket, uint64_t state) {
  std::atomic<uint64_t>& word = SlotOf(ticket.ring, ticket.number).word;
  uint64_t before = word.load(std::memory_order_relaxed);
  do {
    if (!IsOf(before, ticket.number)) return kBeingWritten;
  } while (!word.compare_exchange_weak(before, WordOf(ticket.number, state)));
  return before & kStates;
}

// False: another ticket is in the way, of a turn before, whose thread was stopped or left while it wrote, or of a later one.
bool Claim(Slot* slot, uint64_t number) {
  uint64_t before = slot->word.load(std::memory_order_relaxed);
  do {
    if (IsNewer(before, number) || (before != 0 && (before & kStates) == kBeingWritten))
      return false;
  } while (!slot->word.compare_exchange_weak(before, WordOf(number, kBeingWritten)));
  return true;
}

struct Seen {
  uint64_t lock, time, giver, state;
};
enum class Look { kSeen, kNotYet, kGone };

Look LookAt(uint32_t ring, uint64_t number, Seen* seen) {
  Slot& slot = SlotOf(ring, number);
  const uint64_t word = slot.word.load(std::memory_order_acquire);
  // Acquire: the word is read again after all of them.
  *seen = {slot.lock.load(std::memory_order_acquire), slot.time.load(std::memory_order_acquire),
           slot.giver.load(std::memory_order_acquire), word & kStates};
  const uint64_t after = slot.word.load(std::memory_order_relaxed);
  const bool is_written = seen->state != kBeingWritten || word == 0;
  if (IsOf(word, number) && IsOf(after, number)) return is_written ? Look::kSeen : Look::kNotYet;
  return is_written && !IsNewer(after, number) ? Look::kNotYet : Look::kGone;
}

// The stack that the ticket has; 0 when it has none yet, and is asked for it.
uint64_t StackOf(uint32_t ring, uint64_t number, uint64_t state) {
  if (state == kOpen) {
    uint64_t open = WordOf(number, kOpen);
    if (SlotOf(ring, number).word.compare_exchange_strong(open, WordOf(number, kAsked))) return 0;
    state = IsOf(open, number) ? open & kStates : kNoStack;
  }
  return state >= kFirstStack ? state - kFirstStack : 0;
}

}  // namespace

Ticket Leave(const void* lock, uint32_t stream, uint64_t flags) {
  const uint32_t ring = RingOf(lock);
  const uint64_t number = rings.left[ring].fetch_add(1, std::memory_order_relaxed) + 1;
  Slot& slot = SlotOf(ring, number);
  const uint64_t now = clock::Now();
  if (!Claim(&slot, number)) return {number, ring, now};
  // Release: who reads one of these finds that the slot is being written.
  slot.lock.store(reinterpret_cast<uintptr_t>(lock), std::memory_order_release);
  slot.time.store(now, std::memory_order_release);
  slot.giver.store(flags << kStreamBits | stream, std::memory_order_release);
  slot.word.store(WordOf(number, stream == kNoStream ? kNoStack : kOpen),
                  std::memory_order_release);
  return {number, ring, now};
}

bool Explain(const Ticket& ticket, uint64_t stack) {
  return Change(ticket, stack != 0 ? kFirstStack + stack : uint64_t{kNoStack}) == kAsked &&
         stack != 0;
}

void Withdraw(const Ticket& ticket) { Change(ticket, kWithdrawn); }

Cuts Collect(const void* lock, uint64_t begin, uint64_t end, WaitCut* cuts) {
  const uint32_t ring = RingOf(lock);
  const uint64_t last = rings.left[ring].load(std::memory_order_acquire);
  size_t count = 0;
  bool reached_begin = last < kTicketsPerRing;
  for (uint64_t number = last; number > 0 && last - number < kTicketsPerRing; --number) {
    Seen seen;
    const Look look = LookAt(ring, number, &seen);
    if (look == Look::kGone) break;
    if (look == Look::kNotYet) continue;
    reached_begin |= seen.time < begin;
    if (seen.time < begin) break;
    if (seen.lock != reinterpret_cast<uintptr_t>(lock) || seen.time > end) continue;
    if (seen.state == kWithdrawn) continue;
    cuts[count++] = {seen.time - begin, static_cast<uint32_t>(seen.giver),
                     StackOf(ring, number, seen.state), seen.giver >> kStreamBits};
  }
  // Readers that left at once may have their tickets in another order than their times.
  std::sort(cuts, cuts + count,
            [](const WaitCut& a, const WaitCut& b) { return a.after < b.after; });
  return {count, !reached_begin};
}

bool Start() { return sys::Advise(&rings, sizeof rings, MADV_WIPEONFORK) == 0; }

}  // namespace perfagent::tickets

// rust_mutex: one thread holds a std::sync::Mutex, which is a futex word, while another provably waits for it.
//
//   rust_mutex [ROUNDS]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, mem, thread};

static HOT_MUTEX: Mutex<u64> = Mutex::new(0);
static ROUND: AtomicUsize = AtomicUsize::new(0);
static RETURNED: AtomicUsize = AtomicUsize::new(0);
static WAITER_TID: AtomicUsize = AtomicUsize::new(0);
// When the holder released the mutex in this round.
static RELEASE_NS: AtomicU64 = AtomicU64::new(0);
static WAIT_NS: AtomicU64 = AtomicU64::new(0);
static BLAME_NS: AtomicU64 = AtomicU64::new(0);

fn ns_since(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}

fn own_tid() -> usize {
    let task = fs::read_link("/proc/thread-self").unwrap();
    task.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_micros(20));
    }
}

// In futex, system call 202, on a word of the mutex.
fn waiter_sleeps_on_the_mutex() -> bool {
    let path = format!("/proc/self/task/{}/syscall", WAITER_TID.load(SeqCst));
    let text = fs::read_to_string(path).unwrap();
    let mut words = text.split_whitespace();
    if words.next() != Some("202") {
        return false;
    }
    let word = words.next().unwrap().trim_start_matches("0x");
    let address = u64::from_str_radix(word, 16).unwrap();
    let mutex = &HOT_MUTEX as *const Mutex<u64> as u64;
    (mutex..mutex + mem::size_of_val(&HOT_MUTEX) as u64).contains(&address)
}

#[inline(never)]
fn wait_for_mutex(start: Instant) {
    let begin = ns_since(start);
    let mut count = HOT_MUTEX.lock().unwrap();
    let end = ns_since(start);
    *count += 1;
    WAIT_NS.fetch_add(end - begin, SeqCst);
    BLAME_NS.fetch_add(RELEASE_NS.load(SeqCst) - begin, SeqCst);
}

#[inline(never)]
fn hold_for_a_while(start: Instant, round: usize) {
    let guard = HOT_MUTEX.lock().unwrap();
    ROUND.store(round, SeqCst);
    wait_until(waiter_sleeps_on_the_mutex);
    thread::sleep(Duration::from_millis(2));
    RELEASE_NS.store(ns_since(start), SeqCst);
    drop(guard);
}

fn main() {
    let rounds = env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(50);
    let start = Instant::now();
    let waiter = thread::spawn(move || {
        WAITER_TID.store(own_tid(), SeqCst);
        for round in 1..=rounds {
            wait_until(|| ROUND.load(SeqCst) == round);
            wait_for_mutex(start);
            RETURNED.store(round, SeqCst);
        }
    });
    wait_until(|| WAITER_TID.load(SeqCst) != 0);
    for round in 1..=rounds {
        hold_for_a_while(start, round);
        wait_until(|| RETURNED.load(SeqCst) == round);
    }
    waiter.join().unwrap();
    let wait = WAIT_NS.load(SeqCst);
    let blame = BLAME_NS.load(SeqCst);
    println!(
        "truth lock=HOT_MUTEX waiter=wait_for_mutex contended={rounds} wait_ns={wait} \
         hand_over_ns={} unattributed_ns=0 function=hold_for_a_while blame_ns={blame} share=1.0000",
        wait - blame
    );
}

// rust_leak: mem::forget loses boxes in one function; its neighbour drops the same number.
//
//   rust_leak [BLOCKS]

use std::mem::{self, ManuallyDrop};
use std::ptr;

type Block = [u8; 96];

// The compiler does not see through it. (std::hint's is not in Debian 12's Rust yet.)
fn black_box<T>(value: T) -> T {
    let value = ManuallyDrop::new(value);
    ManuallyDrop::into_inner(unsafe { ptr::read_volatile(&value) })
}

#[inline(never)]
fn leak_here(blocks: usize) -> usize {
    let mut count = 0;
    for _ in 0..blocks {
        mem::forget(black_box(Box::new([1u8; mem::size_of::<Block>()])));
        count += 1;
    }
    black_box(count)
}

#[inline(never)]
fn drop_here(blocks: usize) -> usize {
    let mut count = 0;
    for _ in 0..blocks {
        drop(black_box(Box::new([2u8; mem::size_of::<Block>()])));
        count += 1;
    }
    black_box(count)
}

fn main() {
    let blocks = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let leaked = leak_here(blocks);
    let dropped = drop_here(blocks);
    let size = mem::size_of::<Block>();
    println!(
        "truth function=rust_leak::leak_here allocations={leaked} bytes={} frees=0 \
         leaked_blocks={leaked} leaked_bytes={} \
         function=rust_leak::drop_here allocations={dropped} bytes={} frees={dropped} \
         leaked_blocks=0 leaked_bytes=0",
        leaked * size,
        leaked * size,
        dropped * size
    );
}

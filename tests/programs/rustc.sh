# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# rustc: generics, traits and iterators through the compiler's threads and the linker; the program that comes out runs.
packages=rustc
commands="rustc cc"
times=2
few_allocations="a compiler from rustup has an allocator in its executable; Debian's has not"

# Where rustc is a switch between installed compilers, the compiler itself.
Prepare() {
  local root
  root=$(rustc --print sysroot)
  ln -s "$root/bin/rustc" "$inputs/rustc"
  cat > "$inputs/work.rs" << 'RUST'
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

trait Shape { fn area(&self) -> f64; }
#[derive(Debug, Clone, PartialEq)]
struct Square<T>(T);
#[derive(Debug, Clone, PartialEq, Default)]
struct Pair<A, B> { first: A, second: B }
impl<T: Into<f64> + Copy> Shape for Square<T> { fn area(&self) -> f64 { self.0.into() * self.0.into() } }
impl<A: Shape, B: Shape> Shape for Pair<A, B> { fn area(&self) -> f64 { self.first.area() + self.second.area() } }

macro_rules! shapes { ($($name:ident: $t:ty = $v:expr),*) => { $(
    fn $name() -> Vec<Pair<Square<$t>, Square<f32>>> {
        (0..9u8).map(|n| Pair { first: Square($v + n as $t), second: Square(n.into()) }).collect()
    } )* } }
shapes!(bytes: u8 = 1, shorts: i16 = 2, words: i32 = 3, longs: u32 = 4, floats: f64 = 5.0);

fn total<S: Shape + Debug>(shapes: Vec<S>) -> f64 { shapes.iter().map(Shape::area).sum() }

fn main() {
    println!("{} {} {} {} {}", total(bytes()), total(shorts()), total(words()), total(longs()), total(floats()));
    let mut words: HashMap<String, Vec<usize>> = HashMap::new();
    for n in 0..1000usize { words.entry(format!("w{}", n * 7919 % 101)).or_default().push(n); }
    let sorted: BTreeMap<_, _> = words.iter().map(|(k, v)| (k.clone(), v.iter().sum::<usize>())).collect();
    println!("{:?}", sorted.iter().take(5).collect::<Vec<_>>());
}
RUST
  sed 's/total(bytes())/total(17)/' "$inputs/work.rs" > "$inputs/wrong.rs"
}

# The compiler's output names its directory, which is the same in every run.
Work() {
  Watched "$inputs/rustc" --edition 2021 -O -C debuginfo=2 -o work "$inputs/work.rs" || return
  ./work && sha256sum work
  Exits 1 "$inputs/rustc" --edition 2021 -o wrong "$inputs/wrong.rs"
}

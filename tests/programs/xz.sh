# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# tar, xz and zstd with two threads, there and back.
packages="tar xz-utils zstd"
commands="tar xz zstd"
times=2
few_allocations="archivers and compressors allocate their buffers once"

Prepare() {
  mkdir "$inputs/tree"
  local n
  for n in {1..60}; do seq "$n" "$n" 400000 > "$inputs/tree/$n"; done
}

# Block sizes are given: they follow the number of processors otherwise.
Work() {
  Watched tar -C "$inputs" --sort=name -cf tree.tar tree || return
  Watched xz -1 -T2 --block-size=2MiB -k tree.tar || return
  Watched zstd -q -9 -T2 -B1M tree.tar || return
  sha256sum tree.tar.xz tree.tar.zst
  mkdir xz zstd
  Watched tar -C xz -xJf tree.tar.xz && diff -r "$inputs/tree" xz/tree || return
  Watched tar -C zstd --zstd -xf tree.tar.zst && diff -r "$inputs/tree" zstd/tree || return
  head -c 100000 tree.tar.xz | Exits 1 xz -t
}

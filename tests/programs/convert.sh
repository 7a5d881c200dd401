# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# ImageMagick: draws, blurs, rotates and scales with its threads; pictures are compared by the digest of their pixels.
packages=imagemagick
commands="convert identify"

Prepare() {
  local n
  for n in {1..2000}; do
    echo "fill rgb($((n % 256)),90,$((n * 7 % 256)))"
    echo "circle $((n * 37 % 900)),$((n * 61 % 700)) $((n * 37 % 900)),$((n * 61 % 700 + 9))"
  done > "$inputs/circles"
}

Work() {
  local size circles
  circles=$(< "$inputs/circles")
  Watched convert -size 900x700 xc:navy -draw "$circles" -negate -draw "$circles" circles.png || return
  for size in 90 300 600; do
    Watched convert circles.png -blur 0x5 -rotate 17 -resize "${size}x" -modulate 120,80 "small$size.png" || return
  done
  Watched convert circles.png -swirl 200 small*.png -depth 8 pictures.gif || return
  Watched identify -format '%f %wx%h %#\n' circles.png small*.png pictures.gif
  Exits 1 convert no-such-picture.png out.png
}

#!/usr/bin/env bash
# Opens a dump's heaptrack export in heaptrack_gui, without a screen, and keeps a picture of what it shows. By hand: its
# packages (heaptrack-gui xvfb xauth imagemagick) are a hundred, and a picture needs somebody to look at it.
#
#   heaptrack_gui.sh ANALYZER DUMP PICTURE.png
set -eu
analyzer=$1 dump=$2 picture=$3
for program in heaptrack_gui xvfb-run import; do
  type -P "$program" > /dev/null || {
    echo "heaptrack_gui.sh: $program is missing: apt-get install heaptrack-gui xvfb xauth imagemagick" >&2
    exit 1
  }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$analyzer" export --to heaptrack -o "$work/file.heaptrack.zst" "$dump"
export work picture XDG_RUNTIME_DIR=$work QT_QPA_PLATFORM=xcb
# shellcheck disable=SC2016  # for the inner shell
xvfb-run -a -s '-screen 0 1500x1000x24' bash -c '
  heaptrack_gui "$work/file.heaptrack.zst" & gui=$!
  sleep "${SECONDS_TO_DRAW:-15}"
  import -window root "$picture"
  kill "$gui" || { echo "heaptrack_gui.sh: heaptrack_gui has crashed" >&2; exit 1; }'
echo "$picture"

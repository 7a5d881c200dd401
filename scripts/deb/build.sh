#!/usr/bin/env bash
# Makes the Debian package perfagent_VERSION_amd64.deb in the build directory, from what is built there.
#
# The same sources and tools make the same bytes: times are the changelog's, owners root's. Root is not needed.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD_DIR:-build}
stage=$build/deb/root
for tool in dpkg-deb dpkg-shlibdeps dpkg-parsechangelog; do
  command -v "$tool" >/dev/null || { echo "deb: $tool is missing: apt-get install dpkg-dev" >&2 && exit 1; }
done
version=$(dpkg-parsechangelog -l scripts/deb/changelog -S Version)
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l scripts/deb/changelog -S Timestamp)
export SOURCE_DATE_EPOCH

unset MAKEFLAGS MAKELEVEL  # of the make that may have called this
umask 022
rm -rf "$build/deb"
mkdir -p "$stage/DEBIAN" "$build/deb/debian"
make --no-print-directory install BUILD="$build" DESTDIR="$stage" PREFIX=/usr LIBDIR=/usr/lib/perfagent \
  ZSHDIR=/usr/share/zsh/vendor-completions >/dev/null
documents=$stage/usr/share/doc/perfagent
install -d "$documents"
install -m 644 scripts/deb/copyright "$documents"
gzip -9n <scripts/deb/changelog >"$documents/changelog.gz"
gzip -9n "$stage"/usr/share/man/man*/*
chmod 644 "$stage/usr/lib/perfagent/libperfagent.so"
strip --strip-unneeded --remove-section=.comment --remove-section=.note \
  "$stage/usr/bin/analyzer" "$stage/usr/lib/perfagent/libperfagent.so"

# dpkg-shlibdeps wants to stand beside a source package's control file.
printf 'Source: perfagent\n\nPackage: perfagent\nArchitecture: amd64\n' >"$build/deb/debian/control"
root=$(realpath "$stage")
depends=$(cd "$build/deb" && dpkg-shlibdeps -O -xperfagent -e"$root/usr/bin/analyzer" \
  -e"$root/usr/lib/perfagent/libperfagent.so" | sed -n 's/^shlibs:Depends=//p')
size=$(find "$stage/usr" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
sed -e "s/@VERSION@/$version/" -e "s/@DEPENDS@/$depends/" -e "s/@SIZE@/$size/" scripts/deb/control \
  >"$stage/DEBIAN/control"
(cd "$stage" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$stage/DEBIAN/md5sums"
find "$stage" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

package=$build/perfagent_${version}_amd64.deb
dpkg-deb --root-owner-group -Zxz --build "$stage" "$package" >/dev/null
echo "$package"

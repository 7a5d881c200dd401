#!/usr/bin/env bash
# Checks the Debian package by lintian, then installs it with apt-get in a system of its own and uses it there.
#
# Takes root, debootstrap, lintian and some minutes. Packages come from where this machine's come from: the first Debian
# archive that apt knows, or MIRROR.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD_DIR:-build}
package=$build/perfagent_$(dpkg-parsechangelog -l scripts/deb/changelog -S Version)_amd64.deb
for tool in lintian debootstrap; do
  command -v "$tool" >/dev/null || { echo "test-deb: $tool is missing: apt-get install $tool" >&2 && exit 1; }
done
lintian --allow-root --fail-on error,warning "$package"
echo "test-deb: lintian finds no error and no warning"

# shellcheck disable=SC2016  # apt's variables
first=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | head -n 1)
root=$(mktemp -d "${TMPDIR:-/var/tmp}/perfagent_root.XXXXXX")
cleanup() {
  umount "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
debootstrap --variant=minbase "${first##* }" "$root" "${MIRROR:-${first%% *}}" >"$build/deb/debootstrap.log"
# What reaches the archive here (proxies, further sources), reaches it there.
cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp "$package" "$root/tmp/"
mount -t proc proc "$root/proc"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends "/tmp/${package##*/}" >"$build/deb/apt.log"
echo "test-deb: installed with $(grep -c '^Setting up' "$build/deb/apt.log") packages"

# shellcheck disable=SC2016  # for the other shell
inside bash -c 'set -eu
  cd /var/tmp
  perfagent run --report=report.txt -- ls / >listing 2>messages
  cat messages
  cmp listing <(ls /)
  grep -q "^HEAP" report.txt
  analyzer info perfagent.ls.*.dump | grep -q "executable */usr/bin/ls"
  perfagent doctor -- ls >doctor.txt
  rm listing messages report.txt doctor.txt perfagent.ls.*.dump'
inside apt-get purge -y -qq perfagent >/dev/null
left=$(inside find / -xdev -name '*perfagent*' -not -path '/proc/*' -not -path '/tmp/*' -not -path '/var/log/*' \
  -not -path '/var/lib/*' -not -path '/var/cache/*')
[ -z "$left" ] || { echo "test-deb: left behind: $left" >&2 && exit 1; }
echo "test-deb: runs, reports and is removed without a trace"

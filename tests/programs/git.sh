# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# git: commits, a merge, history, repacking with threads, fsck; many short processes.
packages=git
commands="git seq"
times=2

# The same in every run: dates, names, and no configuration but this.
Git() { Watched git -c core.pager=cat -c gc.auto=0 -c pack.threads=2 "$@"; }

Commit() {
  Git add .
  Git commit -q -m "$1"
}

# Change N: forty files that differ a little from commit to commit.
Change() {
  local file
  for file in {1..40}; do
    seq "$file" "$(($1 + 1))" 9000 > "file$file"
  done
}

Work() {
  export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
  export GIT_{AUTHOR,COMMITTER}_NAME="A Tester" GIT_{AUTHOR,COMMITTER}_EMAIL=tester@example.org
  export GIT_{AUTHOR,COMMITTER}_DATE=2024-01-02T03:04:05Z
  local n
  Git init -q -b trunk repository && cd repository || return
  for n in {1..5}; do
    Change "$n"
    Commit "commit $n"
  done
  Git checkout -q -b side HEAD~3
  echo "one more" > another
  Commit "on the side"
  Git merge -q -m merged trunk
  Git log --stat -p --format=fuller | sha256sum
  Git diff --word-diff HEAD~3 | sha256sum
  Git blame file3 | sha256sum
  Git gc -q --prune=now
  Git fsck --full --no-progress
  Git clone -q . ../clone
  Git grep -c 17 | sha256sum
  Git rev-parse HEAD
  Exits 128 git show no-such-revision
}

#!/usr/bin/env bash
# Tests of what users have around the programs: completions and manual pages, which must say what --help says; what
# `make install` places; the Debian package.
# shellcheck disable=SC2154,SC2016  # claims.sh sets names; single quotes are for other shells
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

analyzer=$build/analyzer
man=$root/scripts/man

# ---- what --help says ----

Commands() {  # program
  if [[ $1 == analyzer ]]; then
    "$analyzer" --help | sed -nE '/^Subcommands:/,/^$/s/^  (\w+) .*/\1/p'
  else
    "$perfagent" --help | sed -nE 's/^(usage:)? +perfagent (\w+).*/\2/p'
  fi
}

# An option at the beginning of a line of a usage, each name on a line of its own.
OptionNames() { sed -nE 's/^  (-[^ []*).*/\1/p' | tr , '\n' | sort -u; }

OptionsOf() {  # program, command
  if [[ $1 == analyzer ]]; then
    "$analyzer" "$2" --help | OptionNames
  else
    "$perfagent" --help | awk -v command="$2" '/^[^ ]/ { here = /^Options of / && index($0, command) } here' | OptionNames
  fi
}

# ---- completions ----

CompletedByBash() {  # program, command
  bash --norc -c '. "$1"; compopt() { :; }
    COMP_WORDS=("$2" "$3" -); COMP_CWORD=2; "_$2"; printf "%s\n" "${COMPREPLY[@]}"' \
    - "$completions/bash/$1" "$1" "$2" | grep . | sort -u
}

CompletedByZsh() {
  zsh -f -c '_arguments() { print -rl -- "$@" }; words=($2 $3 -); CURRENT=3; . $1' \
    - "$completions/zsh/_$1" "$1" "$2" | sed -nE 's/^\*(-[^=+:[]*).*/\1/p' | sort -u
}

CompletedByFish() {
  HOME=$work fish --no-config -c 'source $argv[1]; complete -C "$argv[2] $argv[3] -"' \
    "$completions/fish/$1.fish" "$1" "$2" | sed -nE 's/^(-[^\t]*).*/\1/p' | sort -u
}

TestCompletions() {
  completions=$build/completions
  local shell program command
  make -s -C "$root" BUILD="${BUILD_DIR:-build}" completions > /dev/null
  for shell in Bash Zsh Fish; do
    if ! Has "${shell,,}"; then
      Skip "completions of ${shell,,}" "${shell,,} is missing: apt-get install ${shell,,}"
      continue
    fi
    local wrong="" some=0
    for program in perfagent analyzer; do
      for command in $(Commands "$program"); do
        ((++some))
        [[ $("CompletedBy$shell" "$program" "$command") == "$(OptionsOf "$program" "$command")" ]] ||
          wrong+=" $program $command:$("CompletedBy$shell" "$program" "$command" | tr '\n' ' ')"
      done
    done
    Equal "${shell,,} completes every option that --help lists, and no other" "$wrong" ""
    ((some >= 12)) || NotOk "${shell,,}: commands" "only $some were found"
  done
  Equal "bash completes commands" "$(bash --norc -c '. "$1"; COMP_WORDS=(analyzer ""); COMP_CWORD=1; _analyzer
    printf "%s\n" "${COMPREPLY[@]}"' - "$completions/bash/analyzer" | grep -v '^-')" "$(Commands analyzer)"
  Equal "and an option's values" "$(bash --norc -c '. "$1"; COMP_WORDS=(perfagent run --mode ""); COMP_CWORD=3; _perfagent
    echo "${COMPREPLY[@]}"' - "$completions/bash/perfagent")" "sample full off"
}

# ---- manual pages ----

# The options that a page explains.
OptionsInManual() {
  sed -nE 's/^\.It Fl //p' "$1" | sed -E 's/ , Fl /\n/g' | sed -E 's/ .*//; s/^/-/' | sort -u
}

AllOptions() {
  local command
  for command in $(Commands "$1"); do OptionsOf "$1" "$command"; done | sort -u
}

TestManuals() {
  Equal "analyzer(1) explains every option that --help lists, and no other" \
    "$(OptionsInManual "$man/analyzer.1")" "$( (AllOptions analyzer; echo --version) | sort -u)"
  Equal "so does perfagent(1)" "$(OptionsInManual "$man/perfagent.1")" "$(AllOptions perfagent)"
  local program command missing=""
  for program in perfagent analyzer; do
    for command in $(Commands "$program"); do
      grep -qE "^\.(Cm|It Cm|Ss).*\b$command\b" "$man/$program.1" || missing+=" $program $command"
    done
  done
  Equal "and every command" "$missing" ""
  Equal "perfagent(7) explains every setting of the agent, and no other" \
    "$(sed -nE 's/^\.It Ev PERFAGENT_(\w+)$/\1/p' "$man/perfagent.7" | sort)" \
    "$(tr '\n' ' ' < "$root/agent/options.inc" | grep -oE 'PERFAGENT_OPTION\(\w+, +"[A-Z_]+"' | grep -oE '"[A-Z_]+"' | tr -d '"' | sort)"
  if Has mandoc; then
    Equal "mandoc has nothing to warn of" "$(mandoc -T lint -W warning "$man"/* 2>&1)" ""
  else
    Skip "mandoc has nothing to warn of" "mandoc is missing: apt-get install mandoc"
  fi
}

# ---- what is installed ----

# RunsFrom CLAIM DIRECTORY-OF-COMMANDS: records and reads a program by what lies there, and nothing else.
RunsFrom() {
  mkdir -p elsewhere
  (cd elsewhere && env -i PATH="$2:/usr/bin:/bin" perfagent run --output ls.dump --report=ls.txt -- ls / > listing 2> messages)
  Equal "$1: the program's output is its own" "$(< elsewhere/listing)" "$(ls /)"
  Matches "$1: the analyzer is the one beside it" "$(< elsewhere/messages)" "*next: $2/analyzer report ls.dump"
  Matches "$1: --report is made by it" "$(head -n 2 elsewhere/ls.txt)" "ls.dump*program *ls, pid*"
  rm -rf elsewhere
}

TestInstall() {
  env -u MAKEFLAGS make -s -C "$root" BUILD="${BUILD_DIR:-build}" install DESTDIR="$work/installed" PREFIX=/opt/perfagent > /dev/null
  RunsFrom "make install" "$work/installed/opt/perfagent/bin"
  local file missing=""
  for file in lib/libperfagent.so include/perfagent/perfagent.h share/man/man1/analyzer.1 share/man/man7/perfagent.7 \
    share/bash-completion/completions/perfagent share/zsh/site-functions/_analyzer \
    share/fish/vendor_completions.d/analyzer.fish libexec/perfagent/compare.pl; do
    [[ -f installed/opt/perfagent/$file ]] || missing+=" $file"
  done
  Equal "make install places library, header, manual pages and completions" "$missing" ""
}

TestPackage() {
  if ! Has dpkg-shlibdeps; then
    Skip "the Debian package" "dpkg-shlibdeps is missing: apt-get install dpkg-dev"
    return
  fi
  local package first
  package=$(BUILD_DIR=$build "$root/scripts/deb/build.sh" 2> errors) || NotOk "the package is built" "$(< errors)"
  first=$(sha256sum < "$package")
  BUILD_DIR=$build "$root/scripts/deb/build.sh" > /dev/null 2>&1
  Equal "built again, the package has the same bytes" "$(sha256sum < "$package")" "$first"
  dpkg -x "$package" unpacked
  RunsFrom "the package" "$work/unpacked/usr/bin"
  dpkg-deb -c "$package" > contents
  Equal "all of it is root's" "$(grep -v ' root/root ' contents)" ""
  Matches "it needs the libraries that the analyzer is linked with" "$(dpkg-deb -f "$package" Depends)" "*libc6*libdw1*"
  Equal "its version is the changelog's" "$(dpkg-deb -f "$package" Version)" \
    "$(sed -nE '1s/.*\((.*)\).*/\1/p' "$root/scripts/deb/changelog")"
  dpkg-deb --ctrl-tarfile "$package" | tar -xO ./md5sums > sums
  Equal "its sums are right" "$(cd unpacked && md5sum --quiet -c ../sums 2>&1)" ""
  Equal "and of all its files" "$(wc -l < sums)" "$(find unpacked -type f | wc -l)"
}

TestCompletions
TestManuals
TestInstall
TestPackage
Summary

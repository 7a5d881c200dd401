#!/usr/bin/env bash
# Tests of `perfagent doctor`, on programs made to have one thing each, and on real ones. The truth
# about many is what `perfagent run` and the real agent then do.
# shellcheck disable=SC2154  # claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

# Doctor [NAME=VALUE...] PROGRAM: leaves output, errors and code.
Doctor() { Run PERFAGENT_LIB="$real_agent" "${@:1:$#-1}" "$perfagent" doctor -- "${!#}"; }

# Says CLAIM CODE PATTERN, after Doctor: some line of its output is like the pattern.
Says() {
  local line
  while IFS= read -r line; do
    # shellcheck disable=SC2053  # a pattern
    ((code == $2)) && [[ $line == $3 ]] && Ok "$1" && return
  done <<< "$output"
  NotOk "$1" "exit $code, expected $2" "output: $output" "stderr: $errors" "expected: $3"
}

NothingWasRun() {
  if [[ -e was_run ]]; then NotOk "nothing was run"; else Ok "nothing was run"; fi
}

Compile() { cc -O0 "$@" 2> /dev/null; }

WritePrograms() {
  # Leaves a file when any of it is run.
  cat > main.c << 'END'
#include <fcntl.h>
__attribute__((constructor)) static void Start(void) { open("was_run", O_CREAT | O_RDWR, 0600); }
int main(void) { return 0; }
END
  Compile -g main.c -o fine
  Compile main.c -o no_debug
  Compile -s main.c -o stripped
}

# ---- claims -------------------------------------------------------------------------------------------

TestUsage() {
  Run "$perfagent" doctor
  Expect "no program is a usage error" 2 "*no program*"
  Run "$perfagent" doctor --mode fast -- true
  Expect "options are those of run, and judged" 2 "*--mode: 'fast' is not allowed*"
  Doctor no-such-program
  Expect "a program that is not found is 127" 127 "*'no-such-program': No such file*"
  : > plain
  Doctor ./plain
  Expect "a file that is not executable is 126" 126 "*Permission denied*"
}

TestFine() {
  Doctor ./fine
  Says "a program with everything can be watched" 0 "can be watched (warnings: 0)"
  Says "the next command is named" 0 "next: *perfagent run -- ./fine"
  Says "the agent is named" 0 "ok *$real_agent"
  Says "unwind tables are there, as in its library and the linker" 0 \
    "ok *unwind tables: in the program and its 2 libraries"
  Says "debug information is there" 0 "ok *./fine: debug information:*"
  Equal "every line is ok" "$(grep -vc '^ok ' out)" 2
  Run PERFAGENT_LIB="$real_agent" "$perfagent" doctor --mode full ./fine 'a b'
  Says "options and arguments are in the next command" 0 \
    "next: *perfagent run --mode full ./fine a\\\\ b"
  NothingWasRun
  Equal "nothing is left in the temporary directory" "$(ls tmp)" ""
}

TestCannot() {
  Compile -static main.c -o static
  Compile -static-pie main.c -o static_pie
  Compile -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 main.c -o musl
  Compile -fsanitize=address main.c -o asan
  cp fine arm64 && Patch arm64 18 '\267\000'
  cp fine i386 && Patch i386 4 '\001'
  CannotBeWatched static "*statically linked*"
  CannotBeWatched static_pie "*statically linked*"
  CannotBeWatched musl "*linked with musl*"
  CannotBeWatched arm64 "*another architecture*"
  CannotBeWatched i386 "*32-bit*"
  CannotBeWatched asan "*AddressSanitizer*verify_asan_link_order=0"
  printf '#!%s/static\n' "$work" > script && chmod +x script
  CannotBeWatched script "*static: statically linked*"
  Run LD_PRELOAD="$real_agent" ./asan
  Matches "AddressSanitizer does end a program that the agent is preloaded into" "$code" "[1-9]*"
  Doctor ASAN_OPTIONS=verify_asan_link_order=0 ./asan
  Says "unless it is told not to" 0 "can be watched*"
  Run LD_PRELOAD="$real_agent" ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 ./asan
  Equal "and then it does not" "$code" 0
  rm -f was_run
}

# What doctor says cannot be watched is what run refuses, in the same words.
CannotBeWatched() {
  if [[ ! -x $1 ]]; then
    Skip "$1 cannot be watched" "it cannot be built here"
    return
  fi
  Doctor "./$1"
  Says "$1 cannot be watched" 126 "cannot *$2"
  Says "$1: the verdict says so" 126 "cannot be watched (obstacles: 1, *"
  Run PERFAGENT_LIB="$real_agent" "$perfagent" run -- "./$1"
  Expect "$1: run refuses it, too" 126 "perfagent: *$2"
}

Patch() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

TestPrivileges() {
  if (($(id -u) != 0)); then
    Skip "a setuid program cannot be watched" "not root"
    return
  fi
  cp fine setuid && chown 65534 setuid && chmod u+s setuid
  CannotBeWatched setuid "*setuid to another user*"
  cp fine unreadable && chmod 711 unreadable && chmod 755 .
  cp "$perfagent" perfagent && cp "$real_agent" agent.so && chmod 755 perfagent agent.so
  Run PERFAGENT_LIB="$work/agent.so" PERFAGENT_OUTPUT=/tmp/x setpriv --reuid 65534 --regid 65534 \
    --clear-groups "$work/perfagent" doctor -- ./unreadable
  Says "of a program that cannot be read nothing is said" 0 \
    "warning *./unreadable: *cannot be read*"
}

WriteAllocator() {  # name of its malloc
  echo "void* $1(unsigned long n) { return (void*)n; } int main(void) { return 0; }" > own.c
}

TestAllocators() {
  local name bad=""
  for name in je_malloc _rjem_malloc mi_malloc tc_malloc; do
    WriteAllocator "$name"
    Compile -g own.c -o own
    Doctor ./own
    [[ $code == 0 && $output == *"warning  ./own: an allocator is linked in ($name)"* ]] ||
      bad+="$name "
  done
  Equal "allocators that are linked in are found by their names" "$bad" ""
  WriteAllocator malloc
  Compile -g -fno-builtin -rdynamic own.c -o own
  Doctor ./own
  Says "a program that exports malloc has its own heap" 0 "warning *./own defines malloc itself*"
  Doctor ./fine
  Says "a program that only calls malloc has none" 0 "ok *./fine: no allocator of its own*"
  if Has redis-server; then
    Doctor redis-server
    Says "an allocator that is a library is told, and is none of the program's own" 0 \
      "ok *allocator: */libjemalloc.so.2; its blocks are recorded"
  else
    Skip "an allocator that is a library is told" "no redis-server"
  fi
}

TestGo() {
  printf 'Go' > note
  objcopy --add-section .note.go.buildid=note fine go
  Doctor ./go
  Says "a Go program is warned of" 0 "warning *./go: a Go program*"
}

TestUnwindTables() {
  Compile -g -Wl,--no-eh-frame-hdr main.c -o no_tables
  Doctor ./no_tables
  Says "a program without unwind tables is named" 0 \
    "warning *unwind tables: none (.eh_frame_hdr) in ./no_tables: *"
  echo 'int f(void) { return 0; }' > f.c
  Compile -shared -fPIC -Wl,--no-eh-frame-hdr f.c -o libbare.so
  Compile -g main.c -Wl,--no-as-needed "$work/libbare.so" -o uses_bare
  Doctor ./uses_bare
  Says "so is a library" 0 "warning *unwind tables: none (.eh_frame_hdr) in $work/libbare.so: *"
}

TestNames() {
  Doctor ./no_debug
  Says "a program without debug information is warned of" 0 \
    "warning *./no_debug: no debug information*"
  Doctor ./stripped
  Says "a stripped program is warned of" 0 "warning *./stripped: stripped*"
  mkdir -p linked/.debug
  objcopy --only-keep-debug fine linked/.debug/fine.debug
  objcopy --strip-all --add-gnu-debuglink=linked/.debug/fine.debug fine linked/fine
  Doctor linked/fine
  Says "a debug file that is linked to is found" 0 \
    "ok *linked/fine: debug information in */linked/.debug/fine.debug"
  rm linked/.debug/fine.debug
  Doctor linked/fine
  Says "and missed when it is not there" 0 "warning *linked/fine: stripped*"
}

TestScripts() {
  printf '#!/bin/sh\n' > script && chmod +x script
  Doctor ./script
  Says "a script is followed" 0 "ok *./script: a script, run by /bin/sh"
  printf '#!/usr/bin/env -S A=b bash -u\n' > script
  Doctor ./script
  Says "through env, too" 0 "ok *./script: a script, run by */bash"
}

# Nothing that the program names is run either.
TestInterpreter() {
  printf '#!/bin/sh\ntouch %s/was_run\n' "$work" > linker && chmod +x linker
  Compile -g -Wl,--dynamic-linker="$work/linker" main.c -o other_linker
  Doctor ./other_linker
  Says "a dynamic linker that is not the system's is named" 0 \
    "warning *loaded by $work/linker, *not checked*"
  NothingWasRun
}

TestAgent() {
  printf 'text%.0s' {1..99} > text.so
  Doctor PERFAGENT_LIB="$work/text.so" ./fine
  Says "an agent that cannot be loaded is told, with the linker's reason" 126 \
    "cannot *$work/text.so*invalid ELF header*"
  Doctor PERFAGENT_LIB="$work/absent.so" ./fine
  Says "an agent that is missing is told" 126 "cannot *PERFAGENT_LIB=$work/absent.so: no such file"
  # A libc of a later version is what a library is linked against, and not what is there.
  echo 'GLIBC_2.99 { global: later; };' > map
  echo 'int later(void) { return 0; }' > later.c
  Compile -shared -fPIC -nostdlib -Wl,--version-script=map,-soname,libc.so.6 later.c -o later.so
  echo 'int later(void); int f(void) { return later(); }' > needs.c
  Compile -shared -fPIC -nostdlib needs.c "$work/later.so" -o needs.so
  Doctor PERFAGENT_LIB="$work/needs.so" ./fine
  Says "an agent that needs a later glibc is told" 126 "cannot *GLIBC_2.99* not found*"
  mkdir "with space" && cp "$real_agent" "with space/agent.so"
  Doctor PERFAGENT_LIB="$work/with space/agent.so" ./fine
  Says "an agent whose path has a space is loaded" 0 "ok *the agent: $work/with space/agent.so"
}

TestSystem() {
  mkdir old && printf '#!/bin/sh\necho 5.10.0-28-amd64\n' > old/uname && chmod +x old/uname
  Doctor PATH="$work/old:$PATH" ./fine
  Says "an old kernel is told" 126 "cannot *kernel 5.10.0: expected 5.14 or later*"
  Doctor ./fine
  Says "this kernel is named" 0 "ok *kernel $(uname -r | grep -oE '^[0-9.]+')"
  Says "this glibc is named" 0 "ok *$(getconf GNU_LIBC_VERSION)"
  cat > filter.c << 'END'
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char** argv) {
  (void)argc;
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  execvp(argv[1], argv + 1);
}
END
  Compile filter.c -o filter
  Run PERFAGENT_LIB="$real_agent" ./filter "$perfagent" doctor ./fine
  Says "a seccomp filter is told" 0 "warning *seccomp filter*"
}

TestSettings() {
  Doctor PERFAGENT_MODE=fast PERFAGENT_DEPHT=3 ./fine
  Says "a value that is not allowed is warned of" 0 \
    "warning *PERFAGENT_MODE=fast is not allowed: expected *"
  Says "so is a name that is none" 0 "warning *PERFAGENT_DEPHT: there is no such setting*"
  Doctor PERFAGENT_MODE=off ./fine
  Says "mode off is warned of" 0 "warning *nothing is recorded*"
}

# Whether the agent itself, started with these globs, leaves a dump.
TestPrograms() {
  local globs bad="" recorded
  ln -s fine "other name"
  for globs in fine 'f*' '?ine' 'x*,fi?e' '*' 'fin' 'other*' '[f]ine' 'FINE' 'x,y' 'f\*'; do
    rm -f probe
    env LD_PRELOAD="$real_agent" PERFAGENT_MODE=full PERFAGENT_OUTPUT="$work/probe" \
      PERFAGENT_PROGRAMS="$globs" "./other name"
    recorded="warning  programs: $globs does not match fine: "
    [[ ! -e probe ]] || recorded="ok       programs: "
    Doctor PERFAGENT_PROGRAMS="$globs" "./other name"
    [[ $output == *"$recorded"* ]] || bad+="$globs "
  done
  rm -f was_run
  Equal "whether PROGRAMS matches is said as the agent sees it" "$bad" ""
}

TestOutput() {
  Doctor PERFAGENT_OUTPUT=/nonexistent/x ./fine
  Says "a directory that is missing is told" 126 "cannot *no directory /nonexistent/"
  Doctor PERFAGENT_OUTPUT="$work/%h/x" ./fine
  Says "one that depends on the run is not checked, which is said" 0 "warning *depends on the run*"
  Doctor PERFAGENT_OUTPUT=/dev/shm/x PERFAGENT_MAX_SIZE=64K ./fine
  Says "tmpfs is told to be memory" 0 "ok *dump: /dev/shm/ is on tmpfs: *memory"
  Says "room is told" 0 "ok *free, the dump takes 64.0 KiB at most"
  Doctor PERFAGENT_MAX_SIZE=16T ./fine
  Says "too little room is warned of" 0 "warning *free, the dump may take 16.0 TiB*"
  Run PERFAGENT_LIB="$real_agent" bash -c "ulimit -f 1000 && exec '$perfagent' doctor ./fine"
  Says "a limit of file sizes is warned of" 0 "warning *ulimit -f is 1000 KiB*"
}

# Mounts of our own, in a name space of their own.
TestMounts() {
  local mounts=(unshare --mount sh -c)
  if ! "${mounts[@]}" 'mount -t tmpfs -o size=1M none /mnt' 2> /dev/null; then
    Skip "file systems" "mounts are not permitted"
    return
  fi
  local doctor="PERFAGENT_LIB='$real_agent' '$perfagent' doctor"
  Run "${mounts[@]}" "mount -t tmpfs -o size=1M none /mnt; $doctor --output /mnt/x ./fine"
  Says "a small file system is warned of" 0 "warning *1.00 MiB free, the dump may take 1.00 GiB*"
  Run "${mounts[@]}" "mount -t ramfs none /mnt; $doctor --output /mnt/x ./fine"
  Says "a file system that was not tried is warned of" 0 "warning *is on ramfs*expected ext4*"
  Run "${mounts[@]}" "mount -t tmpfs none /mnt && cd /mnt && mkdir l u w m &&
    mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m; cd '$work'
    $doctor --output /mnt/m/x ./fine"
  Says "overlayfs is warned of" 0 "warning *is on overlayfs*"
  Run "${mounts[@]}" "mount -t tmpfs none /mnt; mount -o remount,ro /mnt
    $doctor --output /mnt/x ./fine"
  Says "a read-only file system is told" 126 "cannot *directory /mnt/ is not writable"
  local id
  id=$(readelf -n fine | sed -n 's/^ *Build ID: *//p')
  mkdir -p "ids/debug/.build-id/${id:0:2}" && : > "ids/debug/.build-id/${id:0:2}/${id:2}.debug"
  strip -o bare fine
  Run "${mounts[@]}" "mount -t overlay -o lowerdir='$work/ids':/usr/lib none /usr/lib
    $doctor ./bare"
  Says "a debug file by build id is found" 0 \
    "ok *./bare: debug information in /usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
}

# Neither binutils nor perl.
TestWithoutTools() {
  local tool
  mkdir tools
  for tool in awk bash cat cut dd dirname env findmnt grep head id ls mktemp od readlink rm sed sh \
    sort stat tr uname; do
    ln -s "$(type -P "$tool")" "tools/$tool"
  done
  Doctor PATH="$work/tools" ./fine
  Says "without readelf it says what was not checked" 0 \
    "warning *readelf is missing: not checked: *unwind*"
  Says "and still checks the rest" 0 "ok *the agent: $real_agent"
  Says "without perl it says what that means" 0 "warning *perl is missing*"
  Doctor PATH="$work/tools" ./static
  Says "static programs are found without it" 126 "cannot *statically linked*"
}

# Real programs: the wrapper then records them.
TestRealPrograms() {
  local program bad=""
  for program in ls git sqlite3 redis-cli python3; do
    Has "$program" || { Skip "$program can be watched" "it is missing"; continue; }
    Doctor "$program"
    ((code == 0)) || bad+="$program: $output "
    rm -f real.*
    Run PERFAGENT_LIB="$real_agent" "$perfagent" run --output real.%p --mode full -- \
      "$program" --version
    [[ -n $(compgen -G 'real.*') ]] || bad+="$program: no dump "
  done
  Equal "real programs can be watched, and are" "$bad" ""
}

Main() {
  if ! Has cc || ! Has objcopy || [[ ! -f $real_agent ]]; then
    Skip "everything" "no compiler, binutils or $real_agent"
    Summary
    exit
  fi
  WritePrograms
  TestUsage
  TestFine
  TestCannot
  TestPrivileges
  TestAllocators
  TestGo
  TestUnwindTables
  TestNames
  TestScripts
  TestInterpreter
  TestAgent
  TestSystem
  TestSettings
  TestOutput
  TestMounts
  TestWithoutTools
  TestRealPrograms
  rm -f was_run
  TestPrograms
  Summary
}

Main

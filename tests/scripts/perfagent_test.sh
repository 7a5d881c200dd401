#!/usr/bin/env bash
# Tests of `perfagent run`.
#
# Most need no real agent: a library that leaves an empty file with the dump's name stands in for it.
# PERFAGENT_LIB names the real one.
# shellcheck disable=SC2016,SC2154  # single quotes are for other shells; claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"

# ---- fixtures -----------------------------------------------------------------------------------------

BuildStandIn() {
  cat > standin.c << 'END'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void Start(void) {
  if (getenv("STANDIN_SILENT")) return;
  char name[512];
  const char* directory = getenv("STANDIN_DIRECTORY");
  snprintf(name, sizeof(name), "%s/perfagent.%s.%d.dump", directory ? directory : ".",
           program_invocation_short_name, getpid());
  FILE* file = fopen(name, "w");
  if (file) fclose(file);
}
END
  cc -shared -fPIC standin.c -o standin.so
}

# Logs each signal that it gets, and whether its group has the terminal.
WriteSignalLogger() {
  cat > logger.pl << 'END'
$| = 1;
open(my $log, ">>", $ARGV[0]) or die;
select((select($log), $| = 1)[0]);
for my $name (qw(INT TERM HUP QUIT USR1 USR2 CONT)) {
  $SIG{$name} = sub { print $log "got $_[0]\n" };
}
print $log "pid $$\n";
my $end = time + $ARGV[1];
select(undef, undef, undef, 0.02) while time < $end && !-e "$ARGV[0].stop";
print $log "end\n";
exit 5;
END
}

# ---- claims -------------------------------------------------------------------------------------------

TestUsage() {
  Run "$perfagent"
  Expect "no command is a usage error" 2 "*run, doctor, *, help*"
  Run "$perfagent" record -- true
  Expect "an unknown command is named, with those that exist" 2 "*'record'*run, doctor, *, help*"
  Run "$perfagent" --help
  Expect "--help succeeds" 0 ""
  Matches "--help lists the options" "$output" "*--max-size*"
  Run "$perfagent" run --help
  Expect "run --help succeeds" 0 ""
  Run "$perfagent" run --frequency 5 -- true
  Expect "an unknown option is named" 2 "*--frequency*"
  Run "$perfagent" run --
  Expect "a missing program is a usage error" 2 "*no program*"
  Run "$perfagent" run --mode -- true
  Expect "a missing value is named" 2 "*--mode*sample, full or off*"
}

TestValues() {
  local refused=(mode=fast heap=yes locks=2 interval=0 interval=2T interval=5X interval=99999999999T
    budget=1 budget=0.001% budget=101% max-size=1K max-size=17T max-size=-1 depth=0 depth=1025
    start=off programs= children=none seed=18446744073709551616 seed=x verbose=2 output=
    clock=tsc)
  local accepted=(mode=full heap=0 locks=1 interval=auto interval=512K interval=1MiB interval=1T
    budget=0.01% budget=0.5% budget=100% max-size=64K max-size=4G depth=1024 start=paused
    "programs=a*,b" children=ignore seed=18446744073709551615 seed=0 verbose=0 output=x.%p
    clock=vdso)
  local setting bad=""
  for setting in "${refused[@]}"; do
    Run PERFAGENT_LIB="$work/standin.so" "$perfagent" run "--$setting" -- true
    [[ $code == 2 && $errors == *"--${setting%%=*}: '${setting#*=}' is not allowed: expected "* ]] ||
      bad+="$setting "
  done
  Equal "each bad value is refused, naming option, value and what is allowed" "$bad" ""
  bad=""
  for setting in "${accepted[@]}"; do
    Run PERFAGENT_LIB="$work/standin.so" "$perfagent" run "--${setting%%=*}" "${setting#*=}" -- env
    local name=${setting%%=*}
    name=PERFAGENT_${name//-/_}
    [[ $code == 0 && $output == *"${name^^}=${setting#*=}"* ]] || bad+="$setting "
  done
  Equal "each good value reaches the program's environment" "$bad" ""
  Run PERFAGENT_LIB="$work/standin.so" "$perfagent" run --verbose -- env
  Matches "--verbose alone means 1" "$output" "*PERFAGENT_VERBOSE=1*"
}

TestExit() {
  export PERFAGENT_LIB=$work/standin.so
  Run "$perfagent" run -- sh -c 'echo out; exit 7'
  Expect "the program's exit status is the wrapper's, and the next command is named" 7 \
    "next: *analyzer report perfagent.*.dump"
  Equal "the program's output is untouched" "$output" out
  Run "$perfagent" run -- sh -c 'kill -9 $$'
  Equal "death by signal 9 is exit 137" "$code" 137
  Run "$perfagent" run -- sh -c 'kill -SEGV $$'
  Equal "death by SIGSEGV is exit 139" "$code" 139
  Run "$perfagent" run -- no-such-program
  Expect "a program that is not found is 127" 127 "*no-such-program*No such file*"
  : > plain
  Run "$perfagent" run -- ./plain
  Expect "a file that is not executable is 126" 126 "*plain*Permission denied*"
  Run "$perfagent" run -- /tmp
  Expect "a directory is 126" 126 "*/tmp*"
  Run "$perfagent" run -- sh -c 'printf "%s|" "$@"' sh 'a  b' '' '*' -- --mode
  Equal "arguments arrive as they are" "$output" "a  b||*|--|--mode|"
  printf 'input' > input
  env "$perfagent" run -- cat < input > out 2> err
  Equal "standard input is the program's" "$(< out)" input
  Equal "nothing is left in the temporary directory" "$(ls tmp)" ""
  unset PERFAGENT_LIB
}

TestPreload() {
  cp standin.so other.so
  Run PERFAGENT_LIB="$work/standin.so" LD_PRELOAD="$work/other.so" "$perfagent" run -- \
    sh -c 'echo "$LD_PRELOAD"'
  Equal "existing LD_PRELOAD entries are kept, after the agent" "$output" \
    "$work/standin.so:$work/other.so"
  cp standin.so third.so
  Run PERFAGENT_LIB="$work/standin.so" LD_PRELOAD="$work/other.so $work/third.so" "$perfagent" run -- \
    grep -cE '(standin|other|third)[.]so' /proc/self/maps
  Equal "several entries, separated by blanks, are loaded with the agent" \
    "$output" "$(($(LD_PRELOAD=$work/standin.so grep -c standin.so /proc/self/maps) * 3))"
  mkdir "with space:and colon"
  cp standin.so "with space:and colon/"
  Run PERFAGENT_LIB="$work/with space:and colon/standin.so" "$perfagent" run -- \
    grep -c standin.so /proc/self/maps
  Expect "an agent below a path with space and colon is preloaded" 0 "next: *"
  Equal "the link that was made for it is gone afterwards" "$(ls tmp)" ""
  Run PERFAGENT_LIB="$work/absent.so" "$perfagent" run -- true
  Expect "a missing agent is refused" 126 "*absent.so*"
  mkdir -p prefix/bin prefix/lib
  cp "$perfagent" prefix/bin && cp standin.so prefix/lib/libperfagent.so
  printf '#!/bin/sh\n' > prefix/bin/analyzer && chmod +x prefix/bin/analyzer
  Run prefix/bin/perfagent run -- true
  Expect "an installed wrapper finds agent and analyzer beside it" 0 \
    "next: $work/prefix/bin/analyzer report perfagent.true.*.dump"
  ln -s prefix/bin/perfagent link
  Run ./link run -- true
  Expect "so does one that is called through a link" 0 "next: $work/prefix/bin/analyzer report *"
}

TestDumpNames() {
  export PERFAGENT_LIB=$work/standin.so
  mkdir dumps && cd dumps || return
  : > perfagent.sh.1.dump  # an older one
  Run "$perfagent" run -- bash -c 'true; /bin/true; /bin/ls > /dev/null; exit 0'
  Matches "dumps of children are listed after the program's own" "$errors " \
    "next: * report perfagent.bash.+([0-9]).dump perfagent.@(ls|true).*"
  Equal "older dumps are not listed" "${errors/perfagent.sh.1.dump/}" "$errors"
  cd .. || return
  mkdir "a [dir] here"
  Run STANDIN_DIRECTORY="a [dir] here" "$perfagent" run --output "a [dir] here/perfagent.%e.%p.dump" -- true
  Expect "a directory with blanks and brackets is quoted for the shell" 0 \
    "next: *analyzer report a\\\\ \\\\\[dir\\\\\]\\\\ here/perfagent.true.*.dump"
  Run STANDIN_SILENT=1 "$perfagent" run -- true
  Expect "without a dump the reader is told what to check" 0 "*no dump was written*"
  Run "$perfagent" run --output "$work/absent/x" -- true
  Expect "a missing output directory is refused beforehand" 126 "*no directory*"
  unset PERFAGENT_LIB
}

# An ELF header: class, type, machine; no program headers.
FakeElf() {
  printf '\177ELF%b\001\001\000\000\000\000\000\000\000\000\000%b\000%b\000\001\000\000\000' "$1" "$2" "$3"
  head -c 40 /dev/zero
}

TestRefusals() {
  export PERFAGENT_LIB=$work/standin.so
  echo 'int main(void) { return 0; }' > main.c
  if cc -static main.c -o static 2> /dev/null; then
    Run "$perfagent" run -- ./static
    Expect "a static program is refused" 126 "*statically linked*"
  else
    Skip "a static program is refused" "no static libc"
  fi
  if cc -static-pie main.c -o static-pie 2> /dev/null; then
    Run "$perfagent" run -- ./static-pie
    Expect "a static-pie program is refused" 126 "*statically linked*"
  else
    Skip "a static-pie program is refused" "no static-pie libc"
  fi
  FakeElf '\001' '\002' '\003' > i386 && FakeElf '\002' '\003' '\267' > arm64
  printf '#!%s/arm64 -x\n' "$work" > script && chmod +x i386 arm64 script
  Run "$perfagent" run -- ./i386
  Expect "a 32-bit program is refused" 126 "*32-bit*"
  Run "$perfagent" run -- ./arm64
  Expect "a program for another architecture is refused" 126 "*another architecture*"
  Run "$perfagent" run -- ./script
  Expect "a script is judged by its interpreter" 126 "*arm64: built for another architecture*"
  printf '#!/usr/bin/env -S A=b %s/arm64 -x\n' "$work" > envscript && chmod +x envscript
  Run "$perfagent" run -- ./envscript
  Expect "a script is judged by what env starts" 126 "*arm64: built for another architecture*"
  printf '#!/bin/sh\nexit 3\n' > fine && printf 'exit 4\n' > bare && chmod +x fine bare
  Run "$perfagent" run -- ./fine
  Equal "a shell script runs" "$code" 3
  Run "$perfagent" run -- ./bare
  Equal "a script without first line runs in sh, as with execvp" "$code" 4
  Run "$perfagent" run -- /lib64/ld-linux-x86-64.so.2 /bin/true
  Equal "the dynamic linker may be called as a program" "$code" 0
  TestPrivileges
  TestOwnAllocator
  unset PERFAGENT_LIB
}

TestPrivileges() {
  cp /bin/true setuid-program
  if (($(id -u) != 0)); then
    Skip "setuid programs are judged by their owner" "not root"
    return
  fi
  chmod u+s setuid-program
  Run "$perfagent" run -- ./setuid-program
  Equal "for root, a setuid-root program is an ordinary one" "$code" 0
  chown 65534 setuid-program && chmod u+s setuid-program
  Run "$perfagent" run -- ./setuid-program
  Expect "a program setuid to another user is refused" 126 "*setuid to another user*"
  chown 0:65534 setuid-program && chmod g+s setuid-program
  Run "$perfagent" run -- ./setuid-program
  Expect "a program setgid to another group is refused" 126 "*setgid to another group*"
  local setcap
  setcap=$(PATH=$PATH:/sbin:/usr/sbin type -P setcap)
  cp /bin/true capable
  if [[ -z $setcap ]] || ! "$setcap" cap_net_raw+ep capable 2> /dev/null || ! Has setpriv; then
    Skip "file capabilities matter to other users than root" "no setcap or setpriv"
    return
  fi
  Run "$perfagent" run -- ./capable
  Equal "for root, file capabilities do not matter" "$code" 0
  chmod 777 . tmp
  Run setpriv --reuid 65534 --regid 65534 --clear-groups "$perfagent" run -- ./capable
  Expect "for another user, a program with file capabilities is refused" 126 "*file capabilities*"
}

TestOwnAllocator() {
  printf '%s\n' '#include <stddef.h>' 'void* malloc(size_t n) { (void)n; return 0; }' \
    'int main(void) { return 0; }' > own.c
  cc -fno-builtin -rdynamic own.c -o own
  if ! Has readelf; then
    Skip "a program that defines malloc is warned of and run" "no readelf"
    return
  fi
  Run "$perfagent" run -- ./own
  Expect "a program that defines malloc is warned of and run" 0 "*warning: *own defines malloc itself*"
}

TestSignals() {
  local name pid want=""
  Has setsid || { Skip "signals" "no setsid"; return; }
  rm -f log log.stop
  PERFAGENT_LIB=$work/standin.so setsid "$perfagent" run -- perl logger.pl log 20 \
    < /dev/null > out 2> err &
  pid=$!
  WaitFor '^pid' log || NotOk "the program starts in the background"
  for name in INT TERM HUP QUIT USR1 USR2; do
    kill -s "$name" "$pid"
    sleep 0.1
    want+="got $name "
  done
  Equal "a signal to the wrapper alone reaches the program once" \
    "$(grep '^got' log | tr '\n' ' ')" "$want"
  for name in INT TERM HUP QUIT USR1 USR2; do
    kill -s "$name" -- "-$pid"
    sleep 0.1
    want+="got $name "
  done
  Equal "a signal to the process group reaches the program once" \
    "$(grep '^got' log | tr '\n' ' ')" "$want"
  : > log.stop
  wait "$pid"
  Equal "the exit status survives signals" "$?" 5

  rm -f log log.stop
  PERFAGENT_LIB=$work/standin.so setsid "$perfagent" run -- sleep 20 2> err &
  sleep 0.5
  kill -TERM $!
  wait $!
  Equal "a forwarded TERM ends the program and is told by the exit status" "$?" 143
  (
    trap '' INT
    exec env PERFAGENT_LIB="$work/standin.so" "$perfagent" run -- \
      sh -c 'grep ^SigIgn /proc/$$/status' > out 2> err
  )
  (trap '' INT; exec grep ^SigIgn /proc/self/status > want)
  Equal "an ignored signal stays ignored" "$(< out)" "$(< want)"
  Run PERFAGENT_LIB="$work/standin.so" "$perfagent" run -- grep -E '^Sig(Blk|Ign)' /proc/self/status
  env grep -E '^Sig(Blk|Ign)' /proc/self/status > want 2> /dev/null < /dev/null
  Equal "masks and dispositions are those without the wrapper" "$output" "$(< want)"
  Run PERFAGENT_LIB="$work/standin.so" "$perfagent" run -- ls /proc/self/fd
  env ls /proc/self/fd > want 2> /dev/null < /dev/null
  Equal "no descriptor is added" "$output" "$(< want)"
}

# An interactive shell on a terminal of its own; python only types.
TestTerminal() {
  if ! Has python3; then
    Skip "terminal" "no python3"
    return
  fi
  cat > type.py << 'END'
import os, pty, select, subprocess, sys, time

def until(path, text, count=1):
    for _ in range(400):
        try:
            if open(path).read().count(text) >= count:
                return True
        except OSError:
            pass
        drain()
        time.sleep(0.02)
    return False

def drain():
    global seen
    while select.select([fd], [], [], 0)[0]:
        try:
            seen += os.read(fd, 65536)
        except OSError:
            break

def wait_output(text):
    for _ in range(400):
        drain()
        if text in seen:
            return True
        time.sleep(0.02)
    return False

def claim(name, good):
    print(("ok - " if good else "not ok - ") + name)

seen = b""
pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "$ "
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
wrapper = os.environ["WRAPPER"]
os.write(fd, f"{wrapper} run -- perl logger.pl tlog 30; echo code=$?\n".encode())
claim("the program starts on a terminal", until("tlog", "pid"))
time.sleep(0.3)
program = int(open("tlog").read().split()[1])
foreground = os.tcgetpgrp(fd)
claim("the program's group has the terminal", os.getpgid(program) == foreground)
os.write(fd, b"\x03")
until("tlog", "got INT")
time.sleep(0.3)
claim("Ctrl-C reaches the program exactly once", open("tlog").read().count("got INT") == 1)
os.write(fd, b"\x1a")
claim("Ctrl-Z stops the job", wait_output(b"Stopped"))
state = open(f"/proc/{program}/stat").read().split()[2]
claim("a stopped job's program is stopped", state == "T")
os.write(fd, b"fg\n")
until("tlog", "got CONT")
time.sleep(0.3)
claim("fg continues the program, once", open("tlog").read().count("got CONT") == 1)
os.kill(program, 19)
time.sleep(0.3)
os.write(fd, b"echo back-$((1+1))\n")
claim("a program that stops alone stops the job", wait_output(b"back-2") and b"next:" not in seen)
os.write(fd, b"bg\n")
claim("bg continues it, once", until("tlog", "got CONT", 2))
os.write(fd, b"fg\n")
time.sleep(0.3)
open("tlog.stop", "w").close()
os.write(fd, b"echo end=$?\n")
claim("the shell sees the program's exit status", wait_output(b"end=5"))
seen = b""
os.write(fd, f"{wrapper} run -- head -n 1 | cat; echo done=$?\n".encode())
time.sleep(0.8)
os.write(fd, b"typed\n")
claim("a program in a pipeline reads the terminal", wait_output(b"done=0") and seen.count(b"typed") >= 2)
seen = b""
os.write(fd, f"{wrapper} run -- sleep 30; echo code=$?\n".encode())
time.sleep(1)
os.write(fd, b"\x03")
time.sleep(0.5)
os.write(fd, b"echo after=$?\n")
claim("Ctrl-C ends a program, and the wrapper says so",
      wait_output(b"code=130") or wait_output(b"after=130"))
os.write(fd, b"exit\n")
END
  rm -f tlog tlog.stop
  local line
  while IFS= read -r line; do
    case $line in
      "ok - "*) Ok "${line#ok - }" ;;
      *) NotOk "${line#not ok - }" ;;
    esac
  done < <(PERFAGENT_LIB=$work/standin.so WRAPPER=$perfagent timeout 120 python3 type.py 2>&1)
}

TestPidOne() {
  if ! unshare --pid --fork --mount-proc true 2> /dev/null; then
    Skip "works as process 1" "unshare is not permitted"
    return
  fi
  # `sleep` is left behind and becomes a child of process 1.
  Run PERFAGENT_LIB="$work/standin.so" unshare --pid --fork --mount-proc "$perfagent" run -- \
    sh -c '(sleep 0.2 &) ; sleep 0.6; ps -e -o stat= | grep -c Z; exit 9'
  Equal "as process 1, the exit status is the program's" "$code" 9
  Equal "as process 1, orphans are reaped" "$output" 0
  rm -f log log.stop
  PERFAGENT_LIB=$work/standin.so unshare --pid --fork --mount-proc --kill-child "$perfagent" run -- \
    perl logger.pl log 10 < /dev/null > out 2> err &
  local unshare_pid=$! pid
  WaitFor '^pid' log
  pid=$(pgrep -P "$unshare_pid")
  kill -TERM "$pid"
  WaitFor 'got TERM' log
  : > log.stop
  Equal "as process 1, TERM is forwarded once" "$(grep -c 'got TERM' log)" 1
  wait "$unshare_pid"
}

# Stands in for the analyzer: says what it was asked for, and makes the file.
WriteAnalyzer() {
  cat > reporter << 'END'
#!/bin/bash
echo "reporter $*"
while (($#)); do
  [[ $1 != -o ]] || echo "a report" > "$2"
  shift
done
exit "${REPORTER_EXIT:-0}"
END
  printf '#!/bin/bash\necho "opened $*" > opened\n' > xdg-open
  chmod +x reporter xdg-open
}

TestReportAtTheEnd() {
  mkdir report && cd report || return
  WriteAnalyzer
  local with=(PERFAGENT_LIB="$work/standin.so" PERFAGENT_ANALYZER="$PWD/reporter" PATH="$PWD:$PATH")
  Run "${with[@]}" "$perfagent" run --report -- sh -c 'echo own; exit 4'
  Expect "--report: the report is on stderr, before the next command" 4 \
    "reporter report perfagent.*.dump*next: *"
  Equal "the program's output is all there is on stdout" "$output" own
  Run "${with[@]}" "$perfagent" run --report=out.txt -- true
  Expect "--report=FILE: it is in the file" 0 \
    "reporter report -o out.txt perfagent.true.*.dump*perfagent: report: out.txt*next: *"
  Equal "which was made" "$(< out.txt)" "a report"
  Run "${with[@]}" "$perfagent" run --report=none/out.txt -- true
  Expect "a file that cannot be is refused before the program runs" 2 "*--report=none/out.txt: expected *"
  Run -u DISPLAY -u WAYLAND_DISPLAY "${with[@]}" "$perfagent" run --open -- true
  Expect "--open: a page is made, and named" 0 \
    "reporter report --format html -o perfagent.true.+([0-9]).html perfagent.true.+([0-9]).dump*report: perfagent.true.*.html*next: *"
  Equal "without a display nothing is opened" "$(ls opened 2> /dev/null)" ""
  Run "${with[@]}" DISPLAY=:0 "$perfagent" run --open -- true
  Matches "with one it is" "$(cat opened 2>&1)" "opened perfagent.true.+([0-9]).html"
  rm -f opened
  Run "${with[@]}" DISPLAY=:0 REPORTER_EXIT=2 "$perfagent" run --open -- sh -c 'exit 7'
  Expect "a page that is not made is said, and the exit stays the program's" 7 "*no report was made*next: *"
  Equal "and not opened" "$(ls opened 2> /dev/null)" ""
  cd .. || return
}

TestWithoutPerl() {
  local tool
  mkdir noperl
  for tool in bash env readlink od dd tr head stat id grep mktemp rm cat sh findmnt; do
    ln -s "$(type -P "$tool")" "noperl/$tool"
  done
  Run PATH="$work/noperl" PERFAGENT_LIB="$work/standin.so" "$perfagent" run -- sh -c 'exit 6'
  Expect "without perl the program runs all the same" 6 \
    "perfagent: perl is missing: *next: *analyzer report*"
}

TestRealAgent() {
  if [[ ! -f $real_agent ]]; then
    Skip "the real agent leaves a dump" "no $real_agent"
    return
  fi
  mkdir real && cd real || return
  Run PERFAGENT_LIB="$real_agent" "$perfagent" run --mode full -- ls
  Expect "the real agent leaves a dump, which is named" 0 "next: *analyzer report perfagent.ls.*.dump"
  Equal "the dump begins with the magic" "$(head -c 8 perfagent.ls.*.dump)" PFADUMP1
  cd .. || return
}

Main() {
  Has cc || { Skip "everything" "no C compiler"; Summary; exit; }
  BuildStandIn
  WriteSignalLogger
  TestUsage
  TestValues
  TestExit
  TestPreload
  TestDumpNames
  TestRefusals
  TestSignals
  TestTerminal
  TestPidOne
  TestReportAtTheEnd
  TestWithoutPerl
  TestRealAgent
  Summary
}

Main

# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# memcached: four threads, eight clients that store, fetch, count and delete, and check what they get.
packages="memcached python3"
commands="memcached python3"
few_allocations="it has an allocator of its own, and asks for large blocks"

Prepare() {
  cat > "$inputs/load.py" << 'PYTHON'
import hashlib, socket, sys, threading, time

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    return s.makefile("rwb")

def ask(f, command, data=None):
    f.write(command.encode() + b"\r\n" + (data + b"\r\n" if data is not None else b""))
    f.flush()
    line = f.readline()
    if line.startswith(b"VA "):
        return line + f.read(int(line.split()[1]) + 2)
    lines = [line]
    while line.startswith(b"VALUE"):
        lines += [f.read(int(line.split()[3]) + 2)]
        line = f.readline()
        lines += [line]
    return b"".join(lines)

def load(n, digests):
    digest = hashlib.sha256()
    for session in range(40):
        f = connect()
        for i in range(150):
            value = b"%d," % (i * n) * (i * 13 % 400)
            digest.update(ask(f, f"set k{n}.{i} 0 0 {len(value)}", value))
            digest.update(ask(f, f"get k{n}.{i} k{n}.{i // 2} none"))
            digest.update(ask(f, f"append k{n}.{i} 0 0 3", b"end"))
            digest.update(ask(f, f"set n{n} 0 0 2", b"17") + ask(f, f"incr n{n} {i}"))
            digest.update(ask(f, f"mg k{n}.{i} s v"))
            if i % 3 == 0: digest.update(ask(f, f"delete k{n}.{i}"))
        f.close()
    digests[n] = digest.hexdigest()[:16]

digests = [None] * 8
threads = [threading.Thread(target=load, args=(n, digests)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(digests)
f = connect()
print(ask(f, "no such command"), ask(f, "set big 0 0 2000000", b"x" * 2000000)[:12])
PYTHON
}

# As root it asks for a user to become.
Work() {
  Serve memcached -s "$PWD/socket" -t 4 -m 64 -c 200 -u "$(id -un)"
  WaitFor test -S socket || return
  python3 "$inputs/load.py" socket || return
  Stop TERM
  echo "exit status $?"
}

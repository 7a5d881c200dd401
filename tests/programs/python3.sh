# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# python3: the standard library on text, numbers and compression; threads, forked and spawned processes.
packages=python3
commands=python3
times=2

Prepare() {
  cat > "$inputs/work.py" << 'PYTHON'
import collections, concurrent.futures, decimal, hashlib, json, multiprocessing, pickle, random
import queue, re, signal, sqlite3, subprocess, sys, threading, zlib

def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]

def texts():
    rows = [{"id": i, "name": "name-%d" % (i * 7919 % 1009), "tags": [str(j) for j in range(i % 7)]}
            for i in range(25000)]
    text = json.dumps(rows, sort_keys=True)
    assert json.loads(text) == rows and pickle.loads(pickle.dumps(rows)) == rows
    words = collections.Counter(re.findall(r"name-(\d)\d*", text))
    assert zlib.decompress(zlib.compress(text.encode())).decode() == text
    print("texts", len(text), digest(text), sorted(words.items()))
    print(re.sub(r"(\w+)-(\d+)", r"\2-\1", text)[:200])

def numbers():
    decimal.getcontext().prec = 60
    terms = (decimal.Decimal(1) / n for n in range(1, 20000))
    print("numbers", sum(terms), digest(3 ** 9000), digest(random.Random(7).sample(range(9999), 99)))

def threads():
    todo, sums = queue.Queue(), [0] * 4
    def take(n):
        for item in iter(todo.get, None):
            sums[n] += len(json.dumps({"item": item}))
    takers = [threading.Thread(target=take, args=(n,)) for n in range(4)]
    for taker in takers: taker.start()
    for item in range(10000): todo.put(item)
    for _ in takers: todo.put(None)
    for taker in takers: taker.join()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        print("threads", sum(sums), digest(list(pool.map(digest, range(3000)))))

def square(n):
    return n * n

def processes():
    for method in "fork", "spawn", "forkserver":
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            print(method, sum(pool.map(square, range(2000))))
        shared, sender_and_receiver = context.Value("i", 0), context.Pipe()
        child = context.Process(target=in_child, args=(shared, sender_and_receiver[1]))
        child.start()
        print(method, sender_and_receiver[0].recv(), child.join(), shared.value, child.exitcode)

def in_child(shared, sender):
    shared.value = 42
    sender.send(["from", "the", "child"])
    sys.exit(7)

def system():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    print("signals", digest([json.dumps({"n": n}) for n in range(100000)]))
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(subprocess.run(["sh", "-c", "cat; exit 3"], input=b"piped", capture_output=True))
    base = sqlite3.connect(":memory:")
    base.execute("create table t(a, b)")
    base.executemany("insert into t values(?, ?)", ((i % 100, str(i)) for i in range(20000)))
    print(base.execute("select a, count(*), max(b) from t group by a order by a").fetchall()[:3])

if __name__ == "__main__":
    texts(), numbers(), threads(), processes(), system()
    print("to stderr", file=sys.stderr)
    sys.exit(7)
PYTHON
}

# PYTHONMALLOC: python's own allocator would leave little to see.
Work() {
  PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
    Exits 7 python3 "$inputs/work.py"
}

# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# java: javac, then a program of threads, monitors, collections and streams, caught null pointers and stack overflows
# (signals), direct buffers, compression and a child; once with each of two collectors.
packages=openjdk-17-jdk-headless
commands="java javac"

Prepare() {
  cat > "$inputs/Work.java" << 'JAVA'
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.*;
import java.util.zip.*;

public class Work {
  record Row(int id, String name) {}
  static final Object monitor = new Object();
  static long guarded;
  static int depth;

  static void threads() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(8);
    ConcurrentHashMap<String, LongAdder> words = new ConcurrentHashMap<>();
    List<Future<Integer>> results = new ArrayList<>();
    for (int t = 0; t < 40; ++t) {
      final int task = t;
      results.add(pool.submit(() -> {
        for (int i = 0; i < 20000; ++i) {
          words.computeIfAbsent("w" + i * 7919 % 1009, k -> new LongAdder()).increment();
          if (i % 100 == 0) synchronized (monitor) { ++guarded; }
        }
        return task;
      }));
    }
    int sum = 0;
    for (Future<Integer> result : results) sum += result.get();
    pool.shutdown();
    System.out.println("threads " + sum + " " + guarded + " " + pool.awaitTermination(1, TimeUnit.MINUTES));
    System.out.println(new TreeMap<>(words).entrySet().stream().limit(3).map(Object::toString)
        .collect(Collectors.joining(", ")));
    for (int i = 0; i < 300; ++i) {
      Thread thread = new Thread(() -> { synchronized (monitor) { ++guarded; } });
      thread.start();
      thread.join();
    }
    System.out.println("short threads " + guarded);
  }

  static void heap() {
    List<Row> rows = IntStream.range(0, 300000).mapToObj(i -> new Row(i, "name-" + i * 7919 % 1009)).toList();
    System.out.println("heap " + rows.parallelStream().collect(Collectors.groupingByConcurrent(Row::name)).size());
    long sum = 0;
    for (int i = 0; i < 200; ++i) sum += new int[1 << 20].length;
    System.gc();
    System.out.println("garbage " + sum);
  }

  static void natives() throws Exception {
    long sum = 0;
    for (int i = 0; i < 15000; ++i) sum += ByteBuffer.allocateDirect(1000 + i % 50).put(3, (byte) i).get(3);
    for (int i = 0; i < 15000; ++i) {
      Deflater deflater = new Deflater();
      deflater.setInput(("text " + i).repeat(20).getBytes());
      deflater.finish();
      byte[] packed = new byte[1000];
      int length = deflater.deflate(packed);
      deflater.end();
      Inflater inflater = new Inflater();
      inflater.setInput(packed, 0, length);
      sum += inflater.inflate(new byte[1000]);
      inflater.end();
    }
    System.out.println("natives " + sum);
  }

  static int overflow(int n) { ++depth; return overflow(n + 1) + 1; }

  static void signals() {
    int caught = 0;
    String[] none = new String[1];
    for (int i = 0; i < 20000; ++i) {
      try { caught += none[0].length(); } catch (NullPointerException e) { ++caught; }
    }
    for (int i = 0; i < 5; ++i) {
      try { overflow(0); } catch (StackOverflowError e) { ++caught; }
    }
    System.out.println("caught " + caught + " " + (depth > 1000));
  }

  public static void main(String[] arguments) throws Exception {
    threads();
    heap();
    natives();
    signals();
    Process child = new ProcessBuilder("sh", "-c", "cat; exit 3").start();
    child.getOutputStream().write("piped".getBytes());
    child.getOutputStream().close();
    System.out.println(new String(child.getInputStream().readAllBytes()) + " " + child.waitFor());
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("shutting down")));
    System.err.println("to stderr");
    System.exit(9);
  }
}
JAVA
}

Work() {
  local collector
  Watched javac -d . "$inputs/Work.java" || return
  for collector in G1 Parallel; do
    Exits 9 java -Xmx512m "-XX:+Use${collector}GC" -cp . Work || return
  done
}

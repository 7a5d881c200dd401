# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# node: JSON, regular expressions, typed arrays, zlib, crypto, worker threads, children; collected by its own threads.
packages=nodejs
commands=node
times=2

Prepare() {
  cat > "$inputs/work.js" << 'JS'
const assert = require('assert');
const crypto = require('crypto');
const zlib = require('zlib');
const fs = require('fs');
const { spawnSync, fork } = require('child_process');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const digest = (text) => crypto.createHash('sha256').update(text).digest('hex').slice(0, 16);

function texts(n) {
  const rows = Array.from({ length: n }, (_, i) => ({ id: i, name: `name-${(i * 7919) % 1009}`, half: i / 2 }));
  const text = JSON.stringify(rows);
  assert.deepStrictEqual(JSON.parse(text), rows);
  return digest(text.replace(/(\w+)-(\d+)/g, '$2-$1'));
}

function buffers() {
  let sum = 0;
  for (let i = 0; i < 40000; ++i) sum += Buffer.allocUnsafeSlow(5000 + (i % 100)).fill(i & 255)[i % 5000];
  for (let i = 0; i < 3000; ++i) {
    const packed = zlib.deflateRawSync(`text ${i} `.repeat(50));
    sum += zlib.inflateRawSync(packed).length;
  }
  for (let i = 0; i < 20000; ++i) sum += crypto.createHmac('sha256', 'key').update(`${i}`).digest()[0];
  return sum;
}

const started = (worker) => new Promise((resolve, reject) => {
  let answer;
  worker.on('message', (m) => { answer = m; });
  worker.on('error', reject);
  worker.on('exit', (code) => resolve([answer, code]));
});

async function main() {
  console.log('texts', texts(50000));
  console.log('buffers', buffers());
  const workers = [1, 2, 3].map((n) => new Worker(__filename, { workerData: n }));
  console.log('workers', JSON.stringify(await Promise.all(workers.map(started))));
  console.log('fork', JSON.stringify(await started(fork(__filename, ['child']))));
  const shell = spawnSync('sh', ['-c', 'cat; echo error >&2; exit 3'], { input: 'piped' });
  console.log('spawn', shell.status, String(shell.stdout), String(shell.stderr));
  const file = 'file';
  await Promise.all(Array.from({ length: 200 }, (_, i) => fs.promises.writeFile(`${file}${i}`, `${i}`.repeat(i))));
  const read = await Promise.all(Array.from({ length: 200 }, (_, i) => fs.promises.readFile(`${file}${i}`)));
  console.log('files', digest(Buffer.concat(read)));
  const keys = await Promise.all([1, 2, 3, 4].map((n) => new Promise((resolve) => {
    crypto.pbkdf2('secret', `salt${n}`, 20000, 32, 'sha512', (_, key) => resolve(key.toString('hex').slice(0, 8)));
  })));
  console.log('keys', keys.join(' '));
  const deep = (n) => 1 + deep(n + 1);
  try { deep(0); } catch (e) { console.log('deep', e.message); }
  if (global.gc) global.gc();
  console.error('to stderr');
  process.exitCode = 5;
}

if (process.argv[2] === 'child') {
  process.send(texts(3000), () => process.exit(4));
} else if (isMainThread) {
  main();
} else {
  parentPort.postMessage(texts(10000 * workerData));
}
JS
}

Work() {
  Exits 5 node --expose-gc "$inputs/work.js"
}

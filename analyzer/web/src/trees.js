// trees.js: stacks with weights become the trees that flame graphs draw.
//
// A tree's node is {name, value, frame, children}; its value is what its children have and what ended in it.
import { valueOf } from './data.js';
import { formats, visible } from './format.js';
import { waitedIn } from './model.js';

const newNode = (name, frame) => ({ name, frame, value: 0, children: [], byKey: new Map() });

function childOf(parent, key, name, frame) {
  let child = parent.byKey.get(key);
  if (child === undefined) {
    child = newNode(name, frame);
    parent.byKey.set(key, child);
    parent.children.push(child);
  }
  return child;
}

const frameName = (frame) => `${visible(frame.name)}${frame.inlined ? ' (inlined)' : ''}`;

// [{frames (leaf first), value, note}]: what a metric has where. `note` names what is at the end: a lock.
export function weightedStacks(process, metric, range) {
  const { tables } = process;
  if (metric.of === 'heap') {
    return process.sites
      .map((site) => ({ stack: site.stack, place: site.place, value: valueOf(process.numberOf(site, metric, range)) }))
      .filter(({ value }) => value > 0)
      .map(({ stack, place, value }) => ({ frames: tables.framesOf(stack), place, value }));
  }
  const locks = process.objects.filter((lock) => lock.is_lock);
  if (metric.id === 'blame_ns') {
    return locks.flatMap((lock) => lock.blame.map((pair) => ({
      frames: tables.framesOf(pair.holder_stack), value: valueOf(waitedIn(pair, range)), note: `holding ${lock.label}`,
    }))).filter(({ value }) => value > 0);
  }
  return locks.flatMap((lock) => lock.waits.map((waits) => ({
    frames: tables.framesOf(waits.waiter_stack),
    value: valueOf(waitedIn(waits, range)),
    note: `waiting for ${lock.label}`,
  }))).filter(({ value }) => value > 0);
}

const belowThreshold = (count, value, unit) => `${count.toLocaleString('en-US')} stacks below threshold, total ${formats[unit](value)}`;

// What of these is known of their stacks: the outer frames that stacks on the page have, too. Of a part of the time nothing.
export function prunedStacks(process, metric, range) {
  if (metric.of !== 'heap' || range !== null) return [];
  return process.heap.pruned.stacks
    .map((pruned) => ({ pruned, value: valueOf(pruned[metric.id]) }))
    .filter(({ value }) => value > 0)
    .map(({ pruned, value }) => ({ frames: process.tables.framesOf(pruned.stack), value, note: belowThreshold(pruned.sites, value, metric.unit), isPruned: true }));
}

// What the analyzer left out of the page: {stacks, value}.
export function prunedOf(process, metric, range) {
  if (metric.of === 'heap') {
    const { pruned } = process.heap;
    return { stacks: pruned.sites, value: pruned.sites > 0 ? valueOf(process.numberOf(pruned, metric, range)) : 0 };
  }
  const field = metric.id === 'blame_ns' ? 'blame_pruned' : 'waits_pruned';
  const locks = process.objects.filter((lock) => lock.is_lock);
  const stacks = locks.reduce((total, lock) => total + lock[field].stacks, 0);
  const value = locks.reduce((total, lock) => total + valueOf(lock[field].wait_ns), 0);
  return { stacks, value: range === null ? value : 0 };
}

function addPath(root, keys, value) {
  let at = root;
  at.value += value;
  for (const [key, name, frame] of keys) {
    at = childOf(at, key, name, frame);
    at.value += value;
  }
  return at;
}

const keysOf = (frames) => frames.map((frame) => [frame.node, frameName(frame), frame]);
const noteKeys = (note) => (note === undefined ? [] : [[`note:${note}`, note, null]]);

// From where threads begin to what allocates or waits.
export function calleeTree(stacks, name) {
  const root = newNode(name, null);
  for (const { frames, value, note } of stacks) addPath(root, [...keysOf(frames.toReversed()), ...noteKeys(note)], value);
  return root;
}

// Without the frames of the allocator, of locks and of std:: on top of a stack.
function ownPart({ frames, place }) {
  let first = place === undefined || place === null ? -1 : frames.findIndex((frame) => frame.id === place.id);
  if (first < 0) first = frames.findIndex((frame) => frame.own);
  return first < 0 ? frames : frames.slice(first);
}

// From what allocates or waits to who called it.
export function callerTree(stacks, name) {
  const root = newNode(name, null);
  for (const stack of stacks) addPath(root, [...noteKeys(stack.note), ...keysOf(ownPart(stack))], stack.value);
  return root;
}

// Both sides of a function. Of a recursive one the outermost call has callers and the callees below it.
export function sandwich(stacks, node, name) {
  const callers = newNode(name, null);
  const callees = newNode(name, null);
  for (const { frames, value, note } of stacks) {
    const at = frames.findLastIndex((frame) => frame.node === node);
    if (at < 0) continue;
    addPath(callers, keysOf(frames.slice(at + 1)), value);
    addPath(callees, [...keysOf(frames.slice(0, at).reverse()), ...noteKeys(note)], value);
  }
  return { callers, callees };
}

// Every function with what is in it and below it, and in it alone.
export function functionsOf(stacks) {
  const functions = new Map();
  const seen = new Set();
  for (const stack of stacks) {
    seen.clear();
    const [self] = stack.isPruned ? [] : ownPart(stack);
    for (const frame of stack.frames) {
      if (seen.has(frame.node)) continue;
      seen.add(frame.node);
      let entry = functions.get(frame.node);
      if (entry === undefined) functions.set(frame.node, (entry = { id: frame.node, frame, total: 0, self: 0 }));
      entry.total += stack.value;
      if (self !== undefined && self.node === frame.node) entry.self += stack.value;
    }
  }
  return [...functions.values()].sort((a, b) => b.total - a.total);
}

// As a node of its own, so that nothing is left out without a word.
export function addPruned(root, { stacks, value }, unit) {
  if (stacks === 0) return root;
  const node = newNode(belowThreshold(stacks, value, unit), null);
  node.value = value;
  root.value += value;
  root.children.push(node);
  return root;
}

// What changed, from the fields of a diff: as wide as the greater side, coloured by what it became.
export function diffTree(things, metric, tables) {
  const root = newNode('all', null);
  for (const thing of things) {
    const change = thing[metric];
    if (change === undefined) continue;
    const [base, now] = [valueOf(change.base), valueOf(change.new)];
    const value = Math.max(base, now);
    if (value <= 0) continue;
    const add = (node) => {
      node.value += value;
      node.base = (node.base ?? 0) + base;
      node.now = (node.now ?? 0) + now;
    };
    let at = root;
    add(at);
    for (const [key, name, frame] of keysOf(tables.framesOf(thing.stack).toReversed())) {
      at = childOf(at, key, name, frame);
      add(at);
    }
  }
  return root;
}

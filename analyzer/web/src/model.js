// model.js: what the views ask of one process's (or the merged) part of the report.
import { highOf, isExact, lowOf, valueOf } from './data.js';
import { visible } from './format.js';

export const SLOTS = 32;

// `history` is the field of a site's history that says the same of a part of the time; metrics without one are known of
// the whole recording only.
export const METRICS = [
  { id: 'bytes', label: 'Bytes allocated', unit: 'bytes', of: 'heap', history: 'bytes' },
  { id: 'allocations', label: 'Allocations', unit: 'count', of: 'heap', history: 'calls' },
  { id: 'temporary', label: 'Temporary allocations', unit: 'count', of: 'heap', history: 'temporary' },
  { id: 'peak_bytes', label: 'Live at the peak', unit: 'bytes', of: 'heap' },
  { id: 'live_bytes', label: 'Live at the end', unit: 'bytes', of: 'heap', history: 'live_bytes' },
  { id: 'leaked_bytes', label: 'Leaked', unit: 'bytes', of: 'heap', history: 'leaked_bytes' },
  { id: 'wait_ns', label: 'Lock wait', unit: 'ns', of: 'locks', history: 'wait_ns' },
  { id: 'blame_ns', label: 'Blame: who held the lock meanwhile', unit: 'ns', of: 'locks', history: 'wait_ns' },
];

export const metricOf = (id) => METRICS.find((metric) => metric.id === id) ?? METRICS[0];

const sum = (numbers, [first, last]) => {
  let total = 0;
  for (let i = first; i <= last; ++i) total += numbers[i];
  return total;
};

// What `history` says of the slots in the range: flows are summed, levels are those at its end.
const inRange = (history, field, range) => (field === 'live_bytes' ? history[field][range[1]] : sum(history[field], range));

// What is sampled of a number of these histories: {whole, part, share}, where the share is the part's of the variance. A
// sample stands for as much as the mean between samples was in its slot; where that is none, all was recorded.
function sampledOf(histories, field, [first, last]) {
  let whole = 0, part = 0, variance = 0, partOfVariance = 0;
  for (const history of histories) {
    history.interval_bytes?.forEach((interval, slot) => {
      if (interval === 0) return;
      const value = history[field][slot];
      whole += value;
      variance += value * interval;
      if (slot < first || slot > last) return;
      part += value;
      partOfVariance += value * interval;
    });
  }
  return { whole, part, share: variance > 0 ? partOfVariance / variance : 0 };
}

// Where `whole` is an estimate, so is a part of it: its samples are some of the whole's, and variances of samples add up,
// so its interval is as wide as the square root of its share of the variance. Of what no sample was seen there may have
// been one, which counts as much as half of an interval squared by the value.
function partOf(whole, part, sampled) {
  if (isExact(whole)) return Math.round(part);
  const [value, low, high] = whole;
  const certain = part - sampled.part;
  if (sampled.whole <= 0) return [part, part, part + high - value];
  if (sampled.share <= 0) return [part, certain, part + (high - value) ** 2 / sampled.whole];
  const narrower = Math.sqrt(sampled.share);
  return [part, Math.max(part - (value - low) * narrower, certain), part + (high - value) * narrower];
}

// As if all were sampled alike. So are blocks that live to the end, since a recording that becomes sparser thins what it
// has of live ones. Live memory is a level and no part: where there was more than at the end, its interval is wider by the
// same rule.
const partOfAlike = (whole, part) => partOf(whole, part, { whole: valueOf(whole), part, share: part / valueOf(whole) });

const partOfHistories = (whole, histories, field, range) => {
  const part = histories.reduce((total, history) => total + inRange(history, field, range), 0);
  const isAlike = field === 'live_bytes' || field === 'leaked_bytes';
  return isAlike ? partOfAlike(whole, part) : partOf(whole, part, sampledOf(histories, field, range));
};

// Of numbers that were estimated independently.
function sumOf(numbers) {
  const value = numbers.reduce((total, number) => total + valueOf(number), 0);
  if (numbers.every(isExact)) return value;
  const width = (end) => Math.sqrt(numbers.reduce((squares, number) => squares + (end(number) - valueOf(number)) ** 2, 0));
  return [value, value - width(lowOf), value + width(highOf)];
}

// What kept waits say of all of a lock's waits, which are known exactly: a part of them is not.
const keptWaits = (lock) => [...lock.waits, lock.waits_pruned].map((waits) => waits.wait_ns);

// Of stacks that waited, or of a pair of stacks, in the range; `range` null: of all the time.
export const waitedIn = (stacks, range) => (range === null ? stacks.wait_ns : partOfAlike(stacks.wait_ns, sum(stacks.history, range)));

export function waitOfLock(lock, range) {
  if (range !== null) return partOfAlike(sumOf(keptWaits(lock)), sum(lock.history, range));
  return lock.is_lock ? lock.wait_ns : lock.idle_ns ?? lock.wait_ns;
}

export class Process {
  // `facts` is what processes[] has, `contents` what there is of its heap and locks (the same but for merged dumps).
  constructor(tables, facts, contents) {
    this.tables = tables;
    this.facts = facts;
    this.heap = contents.heap ?? null;
    this.locks = contents.locks ?? null;
    this.contents = contents;
    this.findings = contents.findings ?? [];
    this.sites = (this.heap?.sites ?? []).map((site, i) => this.#site(site, i));
    this.objects = (this.locks?.objects ?? []).map((lock, i) => ({ ...lock, id: i + 1, label: visible(lock.name) }));
    this.duration = facts.duration_ns ?? 0;
    // The widths that the analyzer's ticks and slots have (model/wait_history.h).
    this.slotWidth = (Math.floor(this.duration / 512) + 1) * 16;
    this.hasTime = (this.heap?.timeline?.length ?? 0) > 0 || this.objects.some((lock) => lock.wait_ns !== 0);
    this.hasTime &&= this.duration > 0 && contents.settings !== null;
  }

  #site(site, i) {
    const place = site.place === null ? null : this.tables.frames[site.place];
    return { ...site, id: i + 1, place, frames: undefined };
  }

  get title() {
    const { executable, pid } = this.facts;
    return `${visible(executable.slice(executable.lastIndexOf('/') + 1))}${pid ? ` (${pid})` : ''}`;
  }

  metrics() {
    return METRICS.filter((metric) => (metric.of === 'heap' ? this.sites.length > 0 : this.objects.some((l) => l.is_lock && valueOf(l.wait_ns) > 0)));
  }

  // A site's number of a metric, in the range where that is known; `range` null: of all the time.
  numberOf(site, metric, range) {
    const whole = site[metric.id];
    if (range === null || metric.history === undefined) return whole;
    return site.history ? partOfHistories(whole, [site.history], metric.history, range) : 0;
  }

  siteAt(stack) {
    return this.sites.find((site) => site.stack === stack) ?? null;
  }

  lockCalled(name, address) {
    return this.objects.find((lock) => lock.name === name && (lock.address === address || lock.address === null)) ?? null;
  }

  // In ns since the process's start.
  timesOf(range) {
    return [range[0] * this.slotWidth, Math.min((range[1] + 1) * this.slotWidth, this.duration)];
  }

  slotAt(ns) {
    return Math.max(0, Math.min(SLOTS - 1, Math.floor(ns / this.slotWidth)));
  }

  // Of all sites, those that were left out, too; of all locks.
  totalInRange(metric, range) {
    if (metric.of === 'locks') {
      const kept = this.objects.filter((lock) => lock.is_lock).flatMap(keptWaits);
      return partOfAlike(sumOf(kept), sum(this.locks.history, range));
    }
    const histories = [...this.sites, this.heap.pruned].map((site) => site.history).filter((history) => history !== null);
    return partOfHistories(this.heap[metric.id], histories, metric.history, range);
  }

  total(metric) {
    if (metric.id === 'blame_ns') return this.locks?.wait_ns;
    return metric.of === 'locks' ? this.locks?.[metric.id] : this.heap?.[metric.id];
  }
}

// "4-9": slots, both included.
export function rangeOf(text) {
  const found = /^(\d+)-(\d+)$/.exec(text ?? '');
  if (found === null) return null;
  const [first, last] = [Number(found[1]), Number(found[2])];
  return first <= last && last < SLOTS ? [first, last] : null;
}

export function processesOf(data, tables) {
  const isMerged = data.settings === null && data.processes.some((process) => process.heap === undefined && process.locks === undefined);
  if (isMerged) {
    const facts = { executable: `${data.processes.length} processes, merged`, duration_ns: 0, thread_list: [] };
    return [new Process(tables, facts, data)];
  }
  return data.processes.map((process) => new Process(tables, process, process));
}

// locks.jsx: the locks that were waited for, as a table, and one of them in full: who waited, who held it, doing what.
import { useMemo } from 'preact/hooks';
import { addressWith } from './address.js';
import { valueOf } from './data.js';
import { formatCount, formats, formatShare, nameOf, visible } from './format.js';
import { waitedIn, waitOfLock } from './model.js';
import { Distribution, Facts, Figure, Matrix, Stack } from './parts.jsx';
import { RangeNote } from './range.jsx';
import { Table } from './table.jsx';
import { LockHistory, Timeline } from './timeline.jsx';

// A matrix is read by people: the largest rows and columns, the rest together.
const MOST = 12;

function columnsOf(range) {
  const number = (id, header, unit, get, whole = true) => ({
    id, header, numeric: true, whole, value: (lock) => valueOf(get(lock)), cell: (lock) => <Figure number={get(lock)} unit={unit} />,
  });
  return [
    { id: 'name', header: 'Lock', value: ({ label }) => label, text: (lock) => `${lock.label} ${lock.kind} ${lock.address}`,
      cell: (lock) => <a href={addressWith({ view: 'locks', lock: lock.id, site: undefined })}>{lock.label}</a> },
    { id: 'kind', header: 'Kind', value: ({ kind }) => kind, text: ({ kind }) => kind, cell: ({ kind, is_lock }) => (is_lock || kind === 'condition' ? kind : `${kind}, no lock`) },
    number('wait', 'Waited', 'ns', (lock) => waitOfLock(lock, range), false),
    number('contended', 'Waits', 'count', (lock) => lock.waits_ended),
    number('longest', 'Longest', 'ns', (lock) => lock.longest_wait_ns),
    number('hold', 'Held', 'ns', (lock) => lock.hold_ns),
    { id: 'utilisation', header: 'Held, share', numeric: true, whole: true, value: (lock) => lock.utilisation ?? 0, cell: (lock) => (lock.utilisation === null ? '–' : formatShare(lock.utilisation, 1)) },
  ];
}

// Pairs of stacks, by the places a reader would call them.
function matrixOf(process, pairs, other, range) {
  const cells = new Map();
  const sums = { waiter: new Map(), other: new Map() };
  const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);
  for (const pair of pairs) {
    const value = valueOf(waitedIn(pair, range));
    add(sums.waiter, nameOf(process.tables.placeOf(pair.waiter_stack)), value);
    add(sums.other, nameOf(process.tables.placeOf(pair[other])), value);
  }
  const REST = 'others';
  const largest = (map) => [...map].sort((a, b) => b[1] - a[1]).map(([name]) => name).slice(0, MOST);
  const names = { waiter: largest(sums.waiter), other: largest(sums.other) };
  const within = (list, name) => (list.includes(name) ? name : REST);
  for (const pair of pairs) {
    const waiter = within(names.waiter, nameOf(process.tables.placeOf(pair.waiter_stack)));
    const holder = within(names.other, nameOf(process.tables.placeOf(pair[other])));
    add(cells, `${waiter}\n${holder}`, valueOf(waitedIn(pair, range)));
  }
  const withRest = (map, list) => (map.size > MOST ? [...list, REST] : list);
  return {
    rows: withRest(sums.waiter, names.waiter),
    columns: withRest(sums.other, names.other),
    cellOf: (row, column) => cells.get(`${row}\n${column}`) ?? 0,
  };
}

function Blame({ process, lock, range }) {
  const other = lock.is_lock ? 'holder_stack' : 'waker_stack';
  const pairs = useMemo(() => {
    const waited = (lock.is_lock ? lock.blame : lock.wakers).filter((pair) => valueOf(waitedIn(pair, range)) > 0);
    return waited.sort((a, b) => valueOf(waitedIn(b, range)) - valueOf(waitedIn(a, range)));
  }, [lock, range]);
  const matrix = useMemo(() => matrixOf(process, pairs, other, range), [process, pairs]);
  if (pairs.length === 0) return null;
  const title = lock.is_lock ? 'Who waited for whom' : 'Who woke whom';
  const pruned = lock.blame_pruned;
  return (
    <section aria-label={title}>
      <h4>{title}</h4>
      <RangeNote process={process} range={range} isRanged />
      <Matrix label={title} corner={lock.is_lock ? 'waiter \\ holder' : 'waiter \\ waker'} unit="ns" {...matrix} />
      {range === null && pruned.stacks > 0 && <p class="note">{formatCount(pruned.stacks)} stacks below threshold, total {formats.ns(valueOf(pruned.wait_ns))}</p>}
      {pairs.slice(0, 5).map((pair, i) => (
        <details class="more" key={i}>
          <summary>
            {formats.ns(valueOf(waitedIn(pair, range)))}{range === null && ` in ${formatCount(valueOf(pair.waits))} waits`}: {nameOf(process.tables.placeOf(pair.waiter_stack))} ← {nameOf(process.tables.placeOf(pair[other]))}
            {pair.holder_role && ` (${pair.holder_role})`}
          </summary>
          <div class="stacks">
            <Stack title="Waiter" frames={process.tables.framesOf(pair.waiter_stack)} />
            <Stack title={lock.is_lock ? 'Holder' : 'Waker'} frames={process.tables.framesOf(pair[other])} />
          </div>
        </details>
      ))}
    </section>
  );
}

// What holders did, as parts of the time that the lock was held. The parts may overlap.
function Inside({ lock }) {
  if (lock.inside === null) return null;
  const held = valueOf(lock.hold_ns);
  const running = lock.hold.running_ns === null ? null : (valueOf(lock.hold.running_ns) / Math.max(valueOf(lock.hold.running_of_ns), 1)) * held;
  const parts = [
    ['running on a CPU', running], ['in the allocator', valueOf(lock.inside.allocator_ns)],
    ['waiting for other locks', valueOf(lock.inside.nested_wait_ns)], ['idle: conditions, joins', valueOf(lock.inside.idle_ns)],
  ].filter(([, ns]) => ns !== null);
  return (
    <section aria-label="While it was held">
      <h4>While it was held</h4>
      <ul class="bars">
        {parts.map(([name, ns]) => (
          <li key={name}>
            <span class="name">{name}</span>
            <span class="bar" aria-hidden="true"><span style={{ width: `${Math.min(100, (100 * ns) / Math.max(held, 1))}%` }} /></span>
            <span class="number">{formatShare(ns, held)}</span>
          </li>
        ))}
      </ul>
      <Facts rows={[
        ['Sections', lock.hold.sections, 'count'], ['Held', lock.hold_ns, 'ns'],
        ['Allocations inside', lock.inside.allocations, 'count'], ['Bytes inside', lock.inside.bytes, 'bytes'],
        ['Nested waits', lock.inside.nested_waits, 'count'],
      ]} />
    </section>
  );
}

function Waiting({ process, lock }) {
  const rows = lock.threads.slice(0, 8);
  return (
    <>
      {rows.length > 0 && (
        <section aria-label="Threads that waited">
          <h4>Threads that waited</h4>
          <table class="plain">
            <tbody>{rows.map((thread) => <tr key={thread.tid}><td>{visible(thread.name) || 'unnamed'} ({thread.tid})</td><td class="number"><Figure number={thread.contended} unit="count" /> waits</td><td class="number"><Figure number={thread.wait_ns} unit="ns" /></td></tr>)}</tbody>
          </table>
          {lock.threads.length > rows.length && <p class="note">and {lock.threads.length - rows.length} more</p>}
        </section>
      )}
      {lock.waits.slice(0, 1).map((waits, i) => <Stack key={i} title="Longest waiting stack" frames={process.tables.framesOf(waits.waiter_stack)} />)}
    </>
  );
}

function Detail({ process, lock, range }) {
  return (
    <article class="detail" id="detail" aria-label={`Lock ${lock.id}`}>
      <h3>{lock.label}</h3>
      <p class="note">Lock {lock.id}: {lock.kind}{lock.address ? ` at ${lock.address}` : ''}, named by {lock.named_by.replaceAll('_', ' ')}</p>
      <Facts rows={[
        [lock.is_lock ? 'Waited' : 'Idle', lock.is_lock ? lock.wait_ns : lock.idle_ns ?? lock.wait_ns, 'ns'],
        ['Waits', lock.waits_ended, 'count'], ['Longest wait', lock.longest_wait_ns, 'ns'],
        ['Handed over', lock.hand_over_ns, 'ns'], ['Unattributed', lock.unattributed_ns, 'ns'],
        ['Tries in vain', lock.refused_tries, 'count'], ['Held', lock.hold_ns, 'ns'],
        ['Held, part of the time', lock.utilisation === null ? null : formatShare(lock.utilisation, 1)],
      ]} />
      {!lock.is_lock || valueOf(lock.wait_ns) === 0 || <LockHistory process={process} lock={lock} range={range} />}
      <Distribution label="Waits" of={lock.wait_distribution} />
      {lock.hold !== null && <Distribution label="Holds" of={lock.hold} />}
      <Inside lock={lock} />
      <Blame process={process} lock={lock} range={range} />
      <Waiting process={process} lock={lock} />
      {lock.allocated_at !== null && <Stack title="Allocated at" frames={process.tables.framesOf(lock.allocated_at.stack)} />}
    </article>
  );
}

function Deadlocks({ process }) {
  return process.locks.deadlocks.map(({ cycle }, i) => (
    <section class="alarm" key={i} aria-label="Deadlock">
      <h3>Deadlock</h3>
      <ul>{cycle.map((wait, j) => <li key={j}>{visible(wait.thread?.name ?? '') || 'thread'} {wait.thread?.tid} waits for {visible(wait.waits_for)}, held by {visible(wait.held_by?.name ?? '') || 'thread'} {wait.held_by?.tid}</li>)}</ul>
    </section>
  ));
}

function Pruned({ process }) {
  const { pruned } = process.locks;
  if (pruned.locks === 0) return undefined;
  return <tr class="pruned"><td colSpan={2}>{formatCount(pruned.locks)} locks below threshold, total</td><td class="number"><Figure number={pruned.wait_ns} unit="ns" /></td><td class="number"><Figure number={pruned.contended} unit="count" /></td><td colSpan={3} /></tr>;
}

export function Locks({ process, address, range }) {
  const columns = useMemo(() => columnsOf(range), [range]);
  const lock = process.objects.find(({ id }) => id === Number(address.lock));
  if (process.objects.length === 0) return <p class="note">No lock was waited for.</p>;
  return (
    <section aria-label="Locks" class="split">
      <div>
        <Timeline process={process} range={range} only="waits" />
        <RangeNote process={process} range={range} isRanged />
        <Deadlocks process={process} />
        <Table label="locks" rows={process.objects} columns={columns} sort="wait" selected={lock?.id} isRanged={range !== null} footer={Pruned({ process })} />
      </div>
      {lock !== undefined && <Detail process={process} lock={lock} range={range} />}
    </section>
  );
}

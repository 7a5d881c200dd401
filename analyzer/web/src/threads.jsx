// threads.jsx: who waits, and whose blocks whom frees.
import { useMemo } from 'preact/hooks';
import { valueOf } from './data.js';
import { formatCount, visible } from './format.js';
import { Figure, Matrix } from './parts.jsx';
import { Table } from './table.jsx';

const MOST = 16;

function threadsOf(process) {
  const threads = new Map();
  for (const [tid, name] of process.facts.thread_list ?? []) threads.set(tid, { id: tid, name: visible(name), contended: 0, wait_ns: 0, locks: 0 });
  for (const lock of process.objects) {
    if (!lock.is_lock) continue;
    for (const waiting of lock.threads) {
      let thread = threads.get(waiting.tid);
      if (thread === undefined) threads.set(waiting.tid, (thread = { id: waiting.tid, name: visible(waiting.name), contended: 0, wait_ns: 0, locks: 0 }));
      thread.contended += valueOf(waiting.contended);
      thread.wait_ns += valueOf(waiting.wait_ns);
      ++thread.locks;
    }
  }
  return [...threads.values()];
}

const COLUMNS = [
  { id: 'name', header: 'Thread', value: ({ name }) => name, text: ({ name, id }) => `${name} ${id}`, cell: ({ name }) => name || 'unnamed' },
  { id: 'tid', header: 'Id', numeric: true, value: ({ id }) => id, cell: ({ id }) => id },
  { id: 'wait', header: 'Waited for locks', numeric: true, value: ({ wait_ns }) => wait_ns, cell: ({ wait_ns }) => <Figure number={wait_ns} unit="ns" /> },
  { id: 'contended', header: 'Waits', numeric: true, value: ({ contended }) => contended, cell: ({ contended }) => <Figure number={contended} unit="count" /> },
  { id: 'locks', header: 'Locks', numeric: true, value: ({ locks }) => locks, cell: ({ locks }) => locks },
];

function Handovers({ process }) {
  const handovers = process.heap?.handovers ?? [];
  const matrix = useMemo(() => {
    const largest = (field) => {
      const sums = new Map();
      for (const handover of handovers) sums.set(handover[field], (sums.get(handover[field]) ?? 0) + valueOf(handover.blocks));
      return [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name).slice(0, MOST);
    };
    const label = (name) => visible(name) || 'unnamed';
    const cells = new Map(handovers.map(({ maker, freer, blocks }) => [`${label(maker)}\n${label(freer)}`, valueOf(blocks)]));
    return { rows: largest('maker').map(label), columns: largest('freer').map(label), cellOf: (row, column) => cells.get(`${row}\n${column}`) ?? 0 };
  }, [process]);
  if (handovers.length === 0) return null;
  const shown = matrix.rows.reduce((sum, row) => sum + matrix.columns.reduce((of, column) => of + matrix.cellOf(row, column), 0), 0);
  const all = handovers.reduce((sum, { blocks }) => sum + valueOf(blocks), valueOf(process.heap.handovers_pruned));
  return (
    <section aria-label="Who frees whose blocks">
      <h2>Who frees whose blocks</h2>
      <p class="note">Blocks that threads of one name made and threads of another freed.</p>
      <Matrix label="Who frees whose blocks" corner="made by \ freed by" unit="count" {...matrix} />
      {all - shown >= 1 && <p class="note">Pairs below threshold, total {formatCount(all - shown)} blocks</p>}
    </section>
  );
}

export function Threads({ process }) {
  const threads = useMemo(() => threadsOf(process), [process]);
  return (
    <section aria-label="Threads">
      {threads.length > 0 && <Table label="threads" rows={threads} columns={COLUMNS} sort="wait" />}
      <Handovers process={process} />
    </section>
  );
}

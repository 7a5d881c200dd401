// flame_view.jsx: which metric, which way round, and the flame graphs of it.
import { useMemo } from 'preact/hooks';
import { go, replace } from './address.js';
import { formatShare, formats, nameOf } from './format.js';
import { Flame } from './flame.jsx';
import { metricOf } from './model.js';
import { RangeNote } from './range.jsx';
import { Table } from './table.jsx';
import { addPruned, calleeTree, callerTree, functionsOf, prunedOf, prunedStacks, sandwich, weightedStacks } from './trees.js';

const MODES = [
  ['callees', 'From main'],
  ['inverted', 'Inverted'],
  ['sandwich', 'Sandwich'],
];

function Tools({ process, metric, mode, search }) {
  return (
    <div class="tools" role="group" aria-label="Flame graph">
      <label>
        <span class="hidden">Metric</span>
        <select value={metric.id} onChange={(event) => go({ metric: event.target.value })}>
          {process.metrics().map(({ id, label }) => <option key={id} value={id}>{label}</option>)}
        </select>
      </label>
      <div class="choices" role="radiogroup" aria-label="Direction">
        {MODES.map(([id, label]) => (
          <label key={id}>
            <input type="radio" name="mode" checked={mode === id} onChange={() => go({ mode: id })} />
            <span>{label}</span>
          </label>
        ))}
      </div>
      <input type="search" placeholder="Search functions" aria-label="Search functions" value={search} onInput={(event) => replace({ q: event.target.value })} />
    </div>
  );
}

function Sandwich({ stacks, total, metric, chosen, search }) {
  const functions = useMemo(() => functionsOf(stacks), [stacks]);
  const at = functions.find(({ id }) => id === chosen) ?? functions.find(({ frame, self }) => frame.own && self > 0) ?? functions[0];
  const halves = useMemo(() => at && sandwich(stacks, at.id, nameOf(at.frame)), [stacks, at]);
  const columns = useMemo(() => [
    { id: 'function', header: 'Function', value: ({ frame }) => frame.name, text: ({ frame }) => `${frame.name} ${frame.module}`,
      cell: ({ id, frame }) => <a href={`#fn=${id}`} onClick={(event) => { event.preventDefault(); go({ fn: id }); }}>{nameOf(frame)}{frame.inlined && <span class="badge">inlined</span>}</a> },
    { id: 'self', header: 'Self', numeric: true, value: ({ self }) => self, cell: ({ self }) => formats[metric.unit](self) },
    { id: 'total', header: 'Total', numeric: true, value: (row) => row.total, cell: (row) => `${formats[metric.unit](row.total)} (${formatShare(row.total, total)})` },
  ], [metric, total]);
  if (at === undefined) return null;
  const show = (frame) => go({ fn: frame.node });
  return (
    <div class="sandwich">
      <Table label="functions" rows={functions} columns={columns} sort="total" selected={at.id} />
      <div>
        <h3>Callers of {nameOf(at.frame)}</h3>
        <Flame label={`Callers of ${nameOf(at.frame)}`} tree={halves.callers} unit={metric.unit} grows="up" outwards search={search} onFunction={show} />
        <h3>What {nameOf(at.frame)} calls</h3>
        <Flame label={`What ${nameOf(at.frame)} calls`} tree={halves.callees} unit={metric.unit} search={search} onFunction={show} />
      </div>
    </div>
  );
}

export function FlameView({ process, address, range }) {
  const available = process.metrics();
  const wanted = metricOf(address.metric);
  const metric = available.includes(wanted) ? wanted : available[0];
  const mode = MODES.some(([id]) => id === address.mode) ? address.mode : 'callees';
  const search = address.q ?? '';
  const timed = metric?.history === undefined ? null : range;
  const stacks = useMemo(() => (metric === undefined ? [] : weightedStacks(process, metric, timed)), [process, metric, timed]);
  const pruned = useMemo(() => metric && prunedOf(process, metric, timed), [process, metric, timed]);
  // Outer parts of stacks: not for those that begin inside.
  const outer = useMemo(() => (metric === undefined ? [] : stacks.concat(prunedStacks(process, metric, timed))), [stacks]);
  const tree = useMemo(() => {
    if (metric === undefined || mode === 'sandwich') return null;
    if (mode === 'inverted') return addPruned(callerTree(stacks, metric.label), pruned, metric.unit);
    const root = calleeTree(outer, metric.label);
    return outer.length > stacks.length ? root : addPruned(root, pruned, metric.unit);
  }, [stacks, mode, metric]);
  if (metric === undefined) return <p class="note">Nothing was recorded that a flame graph could show.</p>;
  const total = outer.reduce((sum, { value }) => sum + value, 0);
  return (
    <section aria-label="Flame graph">
      <Tools process={process} metric={metric} mode={mode} search={search} />
      <RangeNote range={range} isRanged={metric.history !== undefined} process={process} />
      {mode === 'sandwich'
        ? <Sandwich stacks={outer} total={total} metric={metric} chosen={Number(address.fn)} search={search} />
        : <Flame label={`${metric.label}, ${mode}`} tree={tree} unit={metric.unit} search={search} outwards={mode === 'inverted'} onFunction={(frame) => go({ mode: 'sandwich', fn: frame.node })} />}
      <p class="note legend">
        <span class="key own" /> the program’s own code <span class="key other" /> libraries, allocator and locks
        {mode === 'sandwich' && outer.length === stacks.length && pruned.stacks > 0 && <> · without {pruned.stacks.toLocaleString('en-US')} stacks below threshold, total {formats[metric.unit](pruned.value)}</>}
      </p>
    </section>
  );
}

// diff.jsx: what changed between two sides: the totals, a flame graph in red and blue, and a table of each.
import { useMemo } from 'preact/hooks';
import { go, replace, useAddress } from './address.js';
import { valueOf } from './data.js';
import { formatCount, formatInterval, formatPlace, formats, visible } from './format.js';
import { Flame } from './flame.jsx';
import { Figure, Stack } from './parts.jsx';
import { Table } from './table.jsx';
import { diffTree } from './trees.js';

const METRICS = {
  allocations: ['Allocations', 'count'], bytes: ['Bytes allocated', 'bytes'], temporary: ['Temporary', 'count'],
  peak_bytes: ['Live at the peak', 'bytes'], live_bytes: ['Live at the end', 'bytes'], leaked_bytes: ['Leaked', 'bytes'],
  contended: ['Waits', 'count'], wait_ns: ['Lock wait', 'ns'], hold_ns: ['Locks held', 'ns'], acquisitions: ['Acquisitions', 'count'],
};

const signed = (number, unit) => `${valueOf(number) > 0 ? '+' : ''}${formats[unit](valueOf(number))}`;

const WORDS = {
  same: 'same', fact: 'exact', changed: 'more than chance', uncertain: 'may be chance', unjudged: 'not judged: one run a side',
};

function Change({ change, unit }) {
  const words = `${WORDS[change.verdict]}; ${formatInterval(change.change, unit)}`;
  return <data value={valueOf(change.change)} class={`change ${valueOf(change.change) > 0 ? 'grew' : 'shrank'} ${change.verdict}`} title={words}>{signed(change.change, unit)}</data>;
}

function Totals({ total }) {
  return (
    <section class="cards" aria-label="Totals">
      {Object.entries(total).filter(([id]) => METRICS[id] !== undefined).map(([id, change]) => {
        const [label, unit] = METRICS[id];
        return (
          <div class="card" key={id} id={`card-${id}`}>
            <h3>{label}</h3>
            <span class="big"><Change change={change} unit={unit} /></span>
            <p class="interval">{formats[unit](valueOf(change.base))} → {formats[unit](valueOf(change.new))}; {WORDS[change.verdict]}</p>
          </div>
        );
      })}
    </section>
  );
}

const metricsIn = (things) => Object.keys(METRICS).filter((id) => things.some((thing) => thing[id] !== undefined));

function columnsOf(things, tables, view) {
  const numbers = metricsIn(things).map((id) => ({
    id, header: METRICS[id][0], numeric: true,
    value: (thing) => Math.abs(valueOf(thing[id]?.change)),
    cell: (thing) => (thing[id] === undefined ? '–' : <Change change={thing[id]} unit={METRICS[id][1]} />),
  }));
  const name = {
    id: 'name', header: view === 'sites' ? 'Place' : 'Lock', value: (thing) => thing.name,
    text: (thing) => `${thing.name} ${tables.framesOf(thing.stack).map((frame) => frame.name).join(' ')}`,
    cell: (thing) => {
      const frame = tables.framesOf(thing.stack)[0];
      const side = thing.in_base ? (thing.in_new ? '' : 'gone') : 'new';
      return <a href={`#view=${view}&thing=${thing.id}`}>{visible(thing.name)} <span class="place">{frame ? formatPlace(frame) : ''}</span>{side && <span class="badge">{side}</span>}{thing.named && <span class="badge high">changed</span>}</a>;
    },
  };
  return [name, { id: 'kind', header: 'Kind', value: ({ kind }) => kind, text: ({ kind }) => kind, cell: ({ kind }) => kind }, ...numbers];
}

function Things({ things, pruned, tables, view, address }) {
  const rows = useMemo(() => things.map((thing, i) => ({ ...thing, id: i + 1 })), [things]);
  const columns = useMemo(() => columnsOf(rows, tables, view), [rows]);
  const chosen = rows.find(({ id }) => id === Number(address.thing));
  const footer = pruned > 0 ? <tr class="pruned"><td colSpan={columns.length}>{formatCount(pruned)} {view} that changed less are left out</td></tr> : undefined;
  return (
    <section class="split" aria-label={view}>
      <div><Table label={view} rows={rows} columns={columns} sort={view === 'sites' ? 'bytes' : 'wait_ns'} selected={chosen?.id} footer={footer} /></div>
      {chosen && (
        <article class="detail" aria-label={visible(chosen.name)}>
          <h3>{visible(chosen.name)}</h3>
          <table class="plain">
            <thead><tr><td /><th scope="col" class="number">Base</th><th scope="col" class="number">New</th><th scope="col" class="number">Change</th></tr></thead>
            <tbody>{metricsIn([chosen]).map((id) => <tr key={id}><th scope="row">{METRICS[id][0]}</th><td class="number"><Figure number={chosen[id].base} unit={METRICS[id][1]} /></td><td class="number"><Figure number={chosen[id].new} unit={METRICS[id][1]} /></td><td class="number"><Change change={chosen[id]} unit={METRICS[id][1]} /></td></tr>)}</tbody>
          </table>
          <Stack frames={tables.framesOf(chosen.stack)} />
        </article>
      )}
    </section>
  );
}

function DiffFlame({ things, total, pruned, tables, address }) {
  const available = metricsIn(things);
  const metric = available.includes(address.metric) ? address.metric : available.includes('bytes') ? 'bytes' : available[0];
  const tree = useMemo(() => diffTree(things, metric, tables), [things, metric]);
  if (metric === undefined) return <p class="note">Neither side recorded the heap.</p>;
  const [label, unit] = METRICS[metric];
  return (
    <section aria-label="Flame graph">
      <div class="tools">
        <label><span class="hidden">Metric</span>
          <select value={metric} onChange={(event) => go({ metric: event.target.value })}>{available.map((id) => <option key={id} value={id}>{METRICS[id][0]}</option>)}</select>
        </label>
        <input type="search" placeholder="Search functions" aria-label="Search functions" value={address.q ?? ''} onInput={(event) => replace({ q: event.target.value })} />
      </div>
      <Flame label={`What changed: ${label}`} tree={tree} unit={unit} search={address.q ?? ''} />
      <p class="note legend">
        <span class="key grew" /> grew <span class="key shrank" /> shrank · as wide as the greater side · only the program’s own functions: those outlive a build
        {pruned > 0 && ` · ${formatCount(pruned)} stacks that changed less are left out; all together it is ${signed(total[metric].change, unit)}`}
      </p>
    </section>
  );
}

const Side = ({ name, side }) => <p class="note"><b>{name}</b>: {side.dumps.map(visible).join(', ')} ({side.runs} {side.runs === 1 ? 'run' : 'runs'})</p>;

export function Diff({ data, tables }) {
  const address = useAddress();
  const { heap, locks } = data;
  const views = [heap && ['overview', 'What changed'], heap && ['sites', 'Sites'], locks && ['locks', 'Locks']].filter(Boolean);
  const view = views.some(([id]) => id === address.view) ? address.view : views[0]?.[0];
  return (
    <>
      <nav aria-label="Views">{views.map(([id, label]) => <a key={id} href={`#view=${id}`} aria-current={view === id ? 'page' : undefined}>{label}</a>)}</nav>
      <main>
        <Side name="Base" side={data.base} /><Side name="New" side={data.new} />
        <Totals total={{ ...(heap?.total ?? {}), ...(locks?.total ?? {}) }} />
        {view === 'overview' && <DiffFlame things={heap.sites} total={heap.total} pruned={heap.pruned} tables={tables} address={address} />}
        {view === 'sites' && <Things things={heap.sites} pruned={heap.pruned} tables={tables} view="sites" address={address} />}
        {view === 'locks' && <Things things={locks.objects} pruned={locks.pruned} tables={tables} view="locks" address={address} />}
      </main>
    </>
  );
}

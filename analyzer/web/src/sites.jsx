// sites.jsx: the places that allocate, as a table, and one of them in full.
import { useMemo } from 'preact/hooks';
import { addressWith } from './address.js';
import { isExact, valueOf } from './data.js';
import { formatCount, formatPlace, formats, formatShare, nameOf } from './format.js';
import { metricOf } from './model.js';
import { Facts, Figure, Stack } from './parts.jsx';
import { RangeNote } from './range.jsx';
import { Table } from './table.jsx';
import { SiteHistory, Timeline } from './timeline.jsx';

const COLUMNS = [
  ['allocations', 'Calls'], ['bytes', 'Bytes'], ['temporary', 'Temporary'], ['peak_bytes', 'At the peak'], ['live_bytes', 'Live at the end'],
  ['leaked_bytes', 'Leaked'],
];

function columnsOf(process, range) {
  const numbers = COLUMNS.map(([id, header]) => {
    const metric = metricOf(id);
    const number = (site) => process.numberOf(site, metric, range);
    return {
      id, header, numeric: true, whole: metric.history === undefined,
      value: (site) => valueOf(number(site)),
      cell: (site) => <Figure number={number(site)} unit={metric.unit} />,
    };
  });
  const place = {
    id: 'place', header: 'Place',
    value: (site) => nameOf(site.place),
    text: (site) => process.tables.framesOf(site.stack).map((frame) => `${frame.name} ${frame.file} ${frame.module}`).join(' '),
    cell: (site) => (
      <a href={addressWith({ view: 'sites', site: site.id, lock: undefined })}>
        {nameOf(site.place)} <span class="place">{site.place === null ? '' : formatPlace(site.place)}</span>
      </a>
    ),
  };
  const api = { id: 'api', header: 'Call', value: (site) => site.api, text: (site) => site.api, cell: (site) => site.api };
  return [place, api, ...numbers];
}

function Detail({ process, site, range }) {
  const frames = process.tables.framesOf(site.stack);
  const bytes = valueOf(site.bytes);
  const average = valueOf(site.allocations) > 0 ? bytes / valueOf(site.allocations) : 0;
  return (
    <article class="detail" id="detail" aria-label={`Site ${site.id}`}>
      <h3>{nameOf(site.place)}</h3>
      <p class="note">
        Site {site.id}: {site.api}, {formatShare(bytes, valueOf(process.heap.bytes))} of all bytes, {formats.bytes(average)} a block on average
        {!isExact(site.bytes) && ' (estimated, 95 % intervals)'}
      </p>
      <Facts rows={[
        ['Calls', site.allocations, 'count'], ['Bytes', site.bytes, 'bytes'], ['Freed', site.frees, 'count'], ['Temporary', site.temporary, 'count'],
        ['Freed by other threads', site.cross_thread_frees, 'count'], ['Reallocated', site.reallocations, 'count'],
        ['Live at the peak', site.peak_bytes, 'bytes'], ['Live at the end', site.live_bytes, 'bytes'],
        ['Leaked', site.leaked_bytes, 'bytes'], ['Leaked blocks', site.leaked_blocks, 'count'],
        ['Lived on average', site.lifetime_ns, 'ns'], ['Median lifetime', site.lifetime_median_ns, 'ns'],
      ]} />
      <SiteHistory process={process} site={site} range={range} />
      <Stack frames={frames} truncated={site.truncated} />
    </article>
  );
}

function Pruned({ process, range }) {
  const { pruned } = process.heap;
  if (pruned.sites === 0) return undefined;
  return (
    <tr class="pruned">
      <td colSpan={2}>{formatCount(pruned.sites)} stacks below threshold, total</td>
      {COLUMNS.map(([id]) => <td key={id} class="number"><Figure number={process.numberOf(pruned, metricOf(id), range)} unit={metricOf(id).unit} /></td>)}
    </tr>
  );
}

export function Sites({ process, address, range }) {
  const columns = useMemo(() => columnsOf(process, range), [process, range]);
  const site = process.sites.find(({ id }) => id === Number(address.site));
  if (process.sites.length === 0) return <p class="note">The recording has no allocations.</p>;
  return (
    <section aria-label="Sites" class="split">
      <div>
        <Timeline process={process} range={range} only="memory" />
        <RangeNote process={process} range={range} isRanged />
        <Table label="sites" rows={process.sites} columns={columns} sort="bytes" selected={site?.id} isRanged={range !== null} footer={Pruned({ process, range })} />
      </div>
      {site !== undefined && <Detail process={process} site={site} range={range} />}
    </section>
  );
}

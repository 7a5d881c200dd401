// main.jsx: reads the data, and shows the view that the address names.
import { render } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import 'd3-flame-graph/dist/d3-flamegraph.css';
import './style.css';
import { addressWith, go, useAddress } from './address.js';
import { readData, Tables } from './data.js';
import { Diff } from './diff.jsx';
import { visible } from './format.js';
import { FlameView } from './flame_view.jsx';
import { Locks } from './locks.jsx';
import { processesOf, rangeOf } from './model.js';
import { Overview, Processes } from './overview.jsx';
import { RangeChip } from './range.jsx';
import { Sites } from './sites.jsx';
import { toggleTheme, useTheme } from './theme.js';
import { Threads } from './threads.jsx';

const VIEWS = [
  ['overview', 'Overview', Overview],
  ['flame', 'Flame graph', FlameView],
  ['sites', 'Sites', Sites],
  ['locks', 'Locks', Locks],
  ['threads', 'Threads', Threads],
];

function Theme() {
  const theme = useTheme();
  const other = theme === 'dark' ? 'light' : 'dark';
  return <button type="button" class="quiet" onClick={toggleTheme} aria-label={`Show in ${other} colours`}>{theme === 'dark' ? '☀' : '☾'}</button>;
}

function Header({ title, isHidden = false, children }) {
  return (
    <header>
      <h1 class={isHidden ? 'hidden' : ''}>{title}</h1>
      {children}
      <span class="space" />
      <Theme />
    </header>
  );
}

function Report({ data, tables }) {
  const processes = useMemo(() => processesOf(data, tables), [data]);
  const address = useAddress();
  const at = Math.min(Number(address.process) || 0, processes.length - 1);
  const process = processes[at];
  const range = useMemo(() => (process.hasTime ? rangeOf(address.range) : null), [process, address.range]);
  const [id, , View] = VIEWS.find(([name]) => name === address.view) ?? VIEWS[0];
  // On a narrow screen what was chosen is below the table.
  useEffect(() => {
    if (matchMedia('(max-width: 1000px)').matches) document.querySelector('#detail')?.scrollIntoView();
  }, [address.site, address.lock]);
  const choose = (event) => go({ process: event.target.value, site: undefined, lock: undefined, range: undefined, fn: undefined });
  return (
    <>
      <Header title={process.title} isHidden={processes.length > 1}>
        {processes.length > 1 && (
          <label><span class="hidden">Process</span>
            <select value={at} onChange={choose}>{processes.map((one, i) => <option key={i} value={i}>{one.title}</option>)}</select>
          </label>
        )}
        {data.view !== '' && <span class="badge">{visible(data.view)}</span>}
        <RangeChip process={process} range={range} />
      </Header>
      <nav aria-label="Views">
        {VIEWS.map(([name, label]) => <a key={name} href={addressWith({ view: name, site: undefined, lock: undefined })} aria-current={name === id ? 'page' : undefined}>{label}</a>)}
      </nav>
      <main>
        <View key={at} process={process} data={data} address={address} range={range} />
        {id === 'overview' && processes.length > 1 && <><h2>All processes</h2><Processes processes={processes} small={data.small_processes} /></>}
      </main>
    </>
  );
}

async function start() {
  const page = document.getElementById('page');
  const element = document.getElementById('data');
  try {
    const all = await readData(element);
    element.remove();
    const tables = new Tables(all);
    const isDiff = all.kind === 'diff';
    const first = isDiff ? null : all.data.processes[0];
    document.title = isDiff ? 'What changed' : `${visible(first?.executable ?? '')} – perfagent`;
    page.replaceChildren();
    render(isDiff ? <><Header title="What changed" /><Diff data={all.data} tables={tables} /></> : <Report data={all.data} tables={tables} />, page);
    document.documentElement.dataset.ready = 'true';
  } catch (error) {
    page.textContent = `The report cannot be shown: ${error.message}`;
    throw error;
  }
}

start();

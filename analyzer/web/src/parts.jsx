// parts.jsx: small things that all views are made of.
import { useState } from 'preact/hooks';
import { isExact, valueOf } from './data.js';
import { formatInterval, formatNumber, formatPlace, formats, nameOf, stackText } from './format.js';

// The exact number stays in the element, whatever is rounded for people.
export function Figure({ number, unit }) {
  if (number === null || number === undefined) return <span class="none">–</span>;
  return (
    <data value={valueOf(number)} title={isExact(number) ? 'exact' : `95 %: ${formatInterval(number, unit)}`}>
      {formatNumber(number, unit)}
    </data>
  );
}

export function Copy({ text, label }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await copyText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="quiet" onClick={copy} aria-label={label}>
      <span aria-live="polite">{done ? 'Copied' : 'Copy'}</span>
    </button>
  );
}

// Pages from disk may not have the clipboard's own interface.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

export function Stack({ frames, truncated, title = 'Stack' }) {
  return (
    <section class="stack" aria-label={title}>
      <h4>{title} <Copy text={stackText(frames)} label={`Copy ${title.toLowerCase()} as text`} /></h4>
      {frames.length === 0 && <p class="note">No stack was recorded.</p>}
      <ol>
        {frames.map((frame, i) => (
          <li key={i} class={frame.own ? 'own' : 'other'}>
            <span class="function">{nameOf(frame)}</span>
            {frame.inlined && <span class="badge">inlined</span>}
            <span class="place" title={frame.file || frame.module}>{formatPlace(frame)}</span>
          </li>
        ))}
      </ol>
      {truncated && <p class="note">The stack ends early: its outer frames are not known.</p>}
    </section>
  );
}

// [[name, number, unit or none for text], ...]
export function Facts({ rows }) {
  return (
    <dl class="facts">
      {rows.filter(([, number]) => number !== null && number !== undefined).map(([name, number, unit]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {unit === undefined ? number : <Figure number={number} unit={unit} />}
            {unit !== undefined && !isExact(number) && <div class="interval">{formatInterval(number, unit)}</div>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

// Quantiles on a logarithmic scale: the middle half is dark, half of the rest on either side is light.
export function Distribution({ label, of }) {
  if (of === null) return null;
  const at = Object.fromEntries(of.quantiles.map(([part, ns]) => [part, Math.max(ns, 1)]));
  const [low, high] = [Math.log(at[0.01]), Math.log(Math.max(of.max_ns, at[0.01] * 2))];
  const x = (ns) => `${(100 * (Math.log(Math.max(ns, 1)) - low)) / (high - low)}%`;
  const width = (a, b) => `calc(${x(b)} - ${x(a)})`;
  const words = `half up to ${formats.ns(of.p50_ns)}, 99 % up to ${formats.ns(of.p99_ns)}, longest ${formats.ns(of.max_ns)}`;
  return (
    <figure class="distribution">
      <figcaption>{label}: {words}</figcaption>
      <div class="strip" role="img" aria-label={`${label}: ${words}`}>
        <span class="range" style={{ left: x(at[0.05]), width: width(at[0.05], at[0.95]) }} />
        <span class="middle" style={{ left: x(at[0.25]), width: width(at[0.25], at[0.75]) }} />
        <span class="median" style={{ left: x(of.p50_ns) }} />
        <span class="most" style={{ left: x(of.p99_ns) }} />
      </div>
      <div class="ends"><span>{formats.ns(at[0.01])}</span><span>{formats.ns(of.max_ns)}</span></div>
    </figure>
  );
}

// Who with whom: `cells` maps "row column" (numbers of names) to a number.
export function Matrix({ label, corner, rows, columns, cellOf, unit }) {
  const most = Math.max(...rows.flatMap((row) => columns.map((column) => cellOf(row, column))), 1);
  return (
    <div class="scroll">
      <table class="matrix" aria-label={label}>
        <thead>
          <tr><td>{corner}</td>{columns.map((column) => <th key={column} scope="col"><span title={column}>{column}</span></th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row}>
              <th scope="row" title={row}>{row}</th>
              {columns.map((column) => {
                const value = cellOf(row, column);
                return (
                  <td key={column} style={{ '--share': value / most }} class={value > most / 2 ? 'strong' : ''}>
                    {value > 0 ? <data value={value}>{formats[unit](value)}</data> : ''}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

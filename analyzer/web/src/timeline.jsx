// timeline.jsx: memory, allocations and waits over time, on one axis; dragging chooses a part of it.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { go } from './address.js';
import { valueOf } from './data.js';
import { formatBytes, formatCount, formatTime, visible } from './format.js';
import { SLOTS } from './model.js';
import { useTheme } from './theme.js';

const MOST_MARKS = 50;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// A chart: {title, times in s, values, format, colour, step: values hold for the time before them, marks: [[s, value, words]],
// above: another line, {title, times, values, colour}, whose values hold for the time after them}
function chartsOf(process) {
  const charts = [];
  const { heap, locks } = process;
  if (heap?.timeline?.length > 0) charts.push(liveChart(heap), rateChart(process, heap));
  if (locks?.history?.some((ns) => ns > 0)) charts.push(waitChart(process, locks));
  return charts;
}

// Memory is counted in powers of two.
const POWERS = Array.from({ length: 60 }, (_, i) => 2 ** i);

function liveChart(heap) {
  const peak = [heap.peak_time_ns / 1e9, valueOf(heap.peak_bytes)];
  const ends = heap.timeline.map(({ time_ns, live_bytes }) => [time_ns / 1e9, valueOf(live_bytes)]);
  const points = [[0, 0], ...ends, peak].sort(([a], [b]) => a - b);
  return {
    title: 'Live memory', format: formatBytes, colour: 'memory', steps: POWERS,
    marks: [[...peak, `peak ${formatBytes(peak[1])}`]],
    times: points.map(([time]) => time), values: points.map(([, value]) => value),
    above: peakLine(heap),
  };
}

// The kernel says the greatest size so far, and nothing of now.
function peakLine({ peak_resident: points }) {
  if (!(points?.length > 0)) return null;
  return {
    title: 'peak resident so far', colour: 'resident',
    times: points.map(({ time_ns }) => time_ns / 1e9), values: points.map(({ bytes }) => bytes),
  };
}

// Eight ticks each: of 512 a screen shows noise.
function rateChart(process, heap) {
  const seconds = (process.slotWidth / 16 / 1e9) * 8;
  const values = [];
  for (let i = 0; i < heap.calls.length; i += 8) values.push(heap.calls.slice(i, i + 8).reduce((a, b) => a + b, 0) / seconds);
  return {
    title: 'Allocations per second', format: formatCount, colour: 'calls', step: true, marks: [],
    times: [0, ...values.map((_, i) => Math.min((i + 1) * seconds, process.duration / 1e9))], values: [values[0], ...values],
  };
}

function waitChart(process, locks) {
  const seconds = process.slotWidth / 1e9;
  const values = locks.history.map((ns) => ns / seconds / 1e9);
  return {
    title: 'Threads waiting for locks, on average', format: (value) => value.toFixed(2), colour: 'waits', step: true, marks: [],
    ...inSlots(process, values),
  };
}

const inSlots = (process, values) => ({
  times: [0, ...values.map((_, i) => Math.min(((i + 1) * process.slotWidth) / 1e9, process.duration / 1e9))],
  values: [values[0], ...values],
});

const axes = (chart, isLast) => {
  const line = { stroke: colour('faint'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  const words = (_, splits) => (isLast ? splits.map((s) => formatTime(s * 1e9)) : splits.map(() => ''));
  return [
    { ...line, size: isLast ? 24 : 0, space: 80, values: words },
    { ...line, size: 76, space: 28, incrs: chart.steps, values: (_, splits) => splits.map((value) => chart.format(value)) },
  ];
};

// Lines for what the program said of itself, dots with words for the peak.
const drawMarks = (chart, process) => (plot) => {
  const { ctx } = plot;
  ctx.save();
  ctx.fillStyle = colour('ink');
  ctx.font = `${11 * devicePixelRatio}px system-ui`;
  for (const { time_ns, text } of (process.facts.marks ?? []).slice(0, MOST_MARKS)) {
    const x = plot.valToPos(time_ns / 1e9, 'x', true);
    ctx.fillRect(x, plot.bbox.top, devicePixelRatio, plot.bbox.height);
    if (chart.marks.length > 0) ctx.fillText(visible(text).slice(0, 24), x + 4 * devicePixelRatio, plot.bbox.top + 10 * devicePixelRatio);
  }
  for (const [time, value, words] of chart.marks) {
    const [x, y] = [plot.valToPos(time, 'x', true), plot.valToPos(value, 'y', true)];
    ctx.beginPath();
    ctx.arc(x, y, 3.5 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
    const isRight = x > plot.bbox.left + plot.bbox.width * 0.75;
    ctx.textAlign = isRight ? 'right' : 'left';
    const isLow = y > plot.bbox.top + plot.bbox.height - 14 * devicePixelRatio;
    ctx.fillText(words, x + (isRight ? -8 : 8) * devicePixelRatio, y + (isLow ? -6 : 12) * devicePixelRatio);
  }
  ctx.restore();
};

function optionsOf(chart, { process, width, isLast, onRange, onReady }) {
  const height = 92 + (isLast ? 24 : 0);
  return {
    width, height,
    legend: { show: false },
    cursor: { y: false, sync: { key: 'time' }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: false, range: [0, process.duration / 1e9] },
      y: { range: (_, low, high) => [0, Math.max(high * 1.15, 1e-3)] },
    },
    axes: axes(chart, isLast),
    padding: [8, 8, isLast ? 0 : 6, 0],
    series: [{}, {
      stroke: colour(chart.colour), fill: `${colour(chart.colour)}2e`, width: 1.5, points: { show: false },
      paths: chart.step ? uPlot.paths.stepped({ align: -1 }) : undefined,
    }, ...(chart.above ? [{
      stroke: colour(chart.above.colour), width: 1.5, dash: [5, 3], points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }),
    }] : [])],
    hooks: {
      ready: [onReady],
      draw: [drawMarks(chart, process)],
      setSelect: [(plot) => { if (plot.select.width > 3) onRange(plot); }],
    },
  };
}

const linesOf = (chart) => (chart.above ? [chart, chart.above] : [chart]);
const dataOf = (chart) => (chart.above ? uPlot.join(linesOf(chart).map(({ times, values }) => [times, values])) : [chart.times, chart.values]);

// Shows the range in all of them; dragging sets it in the address.
function select(plot, process, range) {
  if (range === null) return plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  const [from, to] = process.timesOf(range).map((ns) => plot.valToPos(ns / 1e9, 'x'));
  return plot.setSelect({ left: from, top: 0, width: to - from, height: plot.over.clientHeight }, false);
}

function Chart({ process, chart, isLast, range }) {
  const place = useRef(null);
  const drawn = useRef(null);
  const shown = useRef(range);
  const theme = useTheme();
  useEffect(() => {
    const onRange = (plot) => {
      const slot = (x) => process.slotAt(plot.posToVal(x, 'x') * 1e9);
      const [first, last] = [slot(plot.select.left), slot(plot.select.left + plot.select.width)];
      go({ range: first === 0 && last === SLOTS - 1 ? undefined : `${first}-${last}` });
    };
    const element = place.current;
    const plot = new uPlot(optionsOf(chart, { process, width: element.clientWidth, isLast, onRange, onReady: (ready) => select(ready, process, shown.current) }), dataOf(chart), element);
    drawn.current = plot;
    element.__plot__ = plot; // for whoever has the element, as the flame graphs' __data__
    const observer = new ResizeObserver(() => {
      if (element.clientWidth === plot.width) return;
      plot.setSize({ width: element.clientWidth, height: plot.height });
      requestAnimationFrame(() => select(plot, process, shown.current));
    });
    observer.observe(element);
    return () => { observer.disconnect(); plot.destroy(); };
  }, [process, chart, isLast, theme]);
  useEffect(() => {
    shown.current = range;
    if (drawn.current.status === 1) select(drawn.current, process, range);
  }, [range]);
  return (
    <figure class="chart">
      <figcaption>{chart.above ? linesOf(chart).map(({ title, colour: name }) => <span key={title} class={`line-key ${name}`}>{title}</span>) : chart.title}</figcaption>
      <div ref={place} role="img" aria-label={wordsOf(chart)} />
    </figure>
  );
}

function wordsOf(chart) {
  return linesOf(chart).map(({ title, values }) => `${title} over time: at most ${chart.format(Math.max(...values))}, at the end ${chart.format(values.at(-1))}`).join('; ');
}

function RangeInputs({ process, range }) {
  const [first, last] = range ?? [0, SLOTS - 1];
  const set = (a, b) => go({ range: a === 0 && b === SLOTS - 1 ? undefined : `${Math.min(a, b)}-${Math.max(a, b)}` });
  const times = process.timesOf([first, last]);
  return (
    <div class="range-inputs">
      <label>From <input type="range" min="0" max={SLOTS - 1} value={first} aria-valuetext={formatTime(times[0])} onChange={(event) => set(Number(event.target.value), last)} /></label>
      <label>to <input type="range" min="0" max={SLOTS - 1} value={last} aria-valuetext={formatTime(times[1])} onChange={(event) => set(first, Number(event.target.value))} /></label>
      <span>{formatTime(times[0])} – {formatTime(times[1])}</span>
    </div>
  );
}

// Of one site or lock.
export function SiteHistory({ process, site, range }) {
  const shown = useMemo(() => (site.history === null || !process.hasTime ? [] : [
    { title: 'Live', format: formatBytes, colour: 'memory', marks: [], steps: POWERS, ...inSlots(process, site.history.live_bytes) },
    { title: 'Calls', format: formatCount, colour: 'calls', step: true, marks: [], ...inSlots(process, site.history.calls) },
  ].filter(({ values }) => values.some((value) => value > 0))), [process, site]);
  return shown.map((chart, i) => <Chart key={chart.title + site.id} process={process} chart={chart} isLast={i === shown.length - 1} range={range} />);
}

export function LockHistory({ process, lock, range }) {
  const chart = useMemo(() => ({
    title: 'Threads waiting, on average', format: (value) => value.toFixed(2), colour: 'waits', step: true, marks: [],
    ...inSlots(process, lock.history.map((ns) => ns / process.slotWidth)),
  }), [process, lock]);
  return process.hasTime && <Chart key={lock.id} process={process} chart={chart} isLast range={range} />;
}

const charts = new WeakMap();
function chartsFor(process) {
  if (!charts.has(process)) charts.set(process, chartsOf(process));
  return charts.get(process);
}

export function Timeline({ process, range, only }) {
  const all = chartsFor(process);
  if (!process.hasTime || all.length === 0) return null;
  const shown = only === undefined ? all : all.filter((chart) => chart.colour === only);
  const resident = process.heap?.resident;
  return (
    <section class="timeline" aria-label="Over time">
      {only === undefined && <h2>Over time</h2>}
      {shown.map((chart, i) => <Chart key={chart.title} process={process} chart={chart} isLast={i === shown.length - 1} range={range} />)}
      {only === undefined && <RangeInputs process={process} range={range} />}
      {only === undefined && (
        <p class="note">
          Drag over a chart to look at a part of the time. Allocations, bytes, live memory and lock waits follow it, in {SLOTS} steps
          of {formatTime(process.slotWidth)}; temporary and leaked allocations, the peak, lifetimes, blame and holds are known of the whole recording only.
          {shown.some(({ above }) => above) && <> The dashed line is the greatest resident size so far, of the whole process and with this recording’s pages, as the kernel counts it: it never falls, and follows no choice.</>}
          {process.heap?.peak_resident_before_exec > 0 && <> Before its first point it was at most {formatBytes(process.heap.peak_resident_before_exec)}, which an earlier program of the process had before exec.</>}
          {resident && <> Resident memory is known at the process’s end: {formatBytes(resident.total)}.</>}
        </p>
      )}
    </section>
  );
}

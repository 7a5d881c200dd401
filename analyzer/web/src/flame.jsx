// flame.jsx: one flame graph, drawn by d3-flame-graph, with keys, a line of details and what can be done with a frame.
import { flamegraph } from 'd3-flame-graph';
import { select } from 'd3-selection';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formats, formatPlace, formatShare, stackText, visible } from './format.js';
import { Copy } from './parts.jsx';
import { useTheme } from './theme.js';

const isCalm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

// The same module has the same hue everywhere; functions in it differ in lightness.
function hash(text) {
  let h = 2166136261;
  for (let i = 0; i < text.length; ++i) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

export function colourOf({ data, highlight }, theme) {
  const isDark = theme === 'dark';
  if (highlight) return isDark ? '#b8358f' : '#f29ad8';
  if (data.base !== undefined) return diffColour(data, isDark);
  if (data.frame === null) return isDark ? '#3a4048' : '#d9dde3';
  const { module, name, own } = data.frame;
  const hue = own ? 18 + (hash(module) % 40) : 190 + (hash(module) % 60);
  const step = hash(name) % 9;
  const saturation = (own ? 62 : 28) - (data.frame.inlined ? 16 : 0);
  return `hsl(${hue} ${saturation}% ${isDark ? 30 + step : 82 - step}%)`;
}

// Red grew, blue shrank, by how much of the frame.
function diffColour({ base, now }, isDark) {
  const share = (now - base) / Math.max(base, now, 1);
  if (Math.abs(share) < 0.001) return isDark ? '#3a4048' : '#e3e6ea';
  const strength = Math.min(1, 0.25 + Math.abs(share) * 0.75);
  const hue = share > 0 ? 6 : 215;
  return isDark ? `hsl(${hue} ${Math.round(60 * strength)}% ${Math.round(24 + 14 * strength)}%)`
    : `hsl(${hue} ${Math.round(85 * strength)}% ${Math.round(92 - 24 * strength)}%)`;
}

function wordsOf(data, total, unit) {
  const format = formats[unit];
  const place = data.frame === null ? '' : ` · ${formatPlace(data.frame)}`;
  const change = data.base === undefined ? '' : ` · ${format(data.base)} → ${format(data.now)} (${data.now >= data.base ? '+' : ''}${format(data.now - data.base)})`;
  return `${data.name}${place} · ${format(data.value)}, ${formatShare(data.value, total)}${change}`;
}

function framesTo(node) {
  const frames = [];
  for (let at = node; at !== null; at = at.parent) if (at.data.frame) frames.push(at.data.frame);
  return frames;
}

// What the arrow keys go to: a frame's caller, what it calls most, or its neighbours.
function neighbour(node, key, inverted) {
  const widest = () => (node.children ?? []).filter((child) => child.value > 0).sort((a, b) => b.value - a.value)[0];
  const beside = (step) => {
    const row = (node.parent?.children ?? []).filter((child) => child.value > 0);
    return row[row.indexOf(node) + step];
  };
  const outwards = inverted ? 'ArrowUp' : 'ArrowDown';
  if (key === outwards) return node.parent;
  if (key === 'ArrowUp' || key === 'ArrowDown') return widest();
  if (key === 'ArrowLeft') return beside(-1);
  return key === 'ArrowRight' ? beside(1) : undefined;
}

const widthOf = (element) => element.clientWidth - 8; // without its padding

// An effect that the first drawing does not need.
function useLaterEffect(effect, inputs) {
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else effect();
  }, inputs);
}

// `grows` "down": the root is at the top. `outwards`: what is on a frame called it, else it is called by it. `tree` is drawn
// once and must not be drawn again.
export function Flame({ label, tree, unit, search = '', grows = 'down', outwards = false, onFunction }) {
  const place = useRef(null);
  const chart = useRef(null);
  const current = useRef(null);
  const [words, setWords] = useState('');
  const [chosen, setChosen] = useState(null);
  const [found, setFound] = useState(null);
  const theme = useTheme();
  const total = tree.value;
  const inverted = grows === 'down';

  const mark = (node) => {
    current.current = node;
    select(place.current).selectAll('g.frame').classed('current', (d) => d === node);
    setWords(wordsOf(node.data, total, unit));
  };

  useEffect(() => {
    const element = place.current;
    const graph = flamegraph()
      .width(widthOf(element))
      .cellHeight(20)
      .minFrameSize(1)
      .transitionDuration(isCalm() ? 0 : 180)
      .inverted(inverted)
      .resetHeightOnZoom(true)
      .sort((a, b) => b.data.value - a.data.value)
      .setLabelHandler((d) => wordsOf(d.data, total, unit))
      .setDetailsHandler((text) => setWords(text ?? ''))
      .setSearchMatch((d, term) => d.data.name.toLowerCase().includes(term.toLowerCase()))
      .setSearchHandler((nodes, sum) => setFound({ frames: nodes.length, share: formatShare(sum, total) }))
      .setColorMapper((d) => colourOf(d, document.documentElement.dataset.theme))
      .onClick((node) => { setChosen(node); current.current = node; });
    select(element).datum(tree).call(graph);
    chart.current = graph;
    if (search !== '') graph.search(search);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0 && graph.width() !== widthOf(element)) graph.width(widthOf(element)).update();
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      select(element).selectAll('svg').remove();
      select(element).datum(null);
      setChosen(null);
      setFound(null);
    };
  }, [tree, inverted]);

  useLaterEffect(() => {
    if (search !== '') return chart.current.search(search);
    chart.current.clear();
    return setFound(null);
  }, [search]);
  useLaterEffect(() => chart.current.update(), [theme]);

  const root = () => select(place.current).datum();
  const reset = () => { chart.current.resetZoom(); setChosen(null); };
  const onKeyDown = (event) => {
    if (event.key === 'Escape') return reset();
    const at = current.current ?? root();
    if (event.key === 'Enter') return chart.current.zoomTo(at);
    const next = neighbour(at, event.key, inverted);
    if (next === undefined || next === null) return undefined;
    event.preventDefault();
    return mark(next);
  };

  const frame = chosen?.data.frame ?? null;
  return (
    <figure class="flame">
      <div class="tools">
        <p class="details" role="status">{words || wordsOf(tree, total, unit)}</p>
        {found !== null && <span class="note found">{found.frames.toLocaleString('en-US')} frames match: {found.share}</span>}
        {frame !== null && onFunction !== undefined && <button type="button" class="quiet" onClick={() => onFunction(frame)}>Callers and callees</button>}
        {frame !== null && <Copy text={stackText(outwards ? framesTo(chosen).reverse() : framesTo(chosen))} label={`Copy the stack to ${visible(frame.name)}`} />}
        {chosen !== null && chosen.parent !== null && <button type="button" class="quiet" onClick={reset}>Reset zoom</button>}
      </div>
      <div class={`graph ${grows}`} ref={place} role="application" tabIndex={0} onKeyDown={onKeyDown} onFocus={() => mark(current.current ?? root())} aria-label={`${label}. Arrow keys walk, Enter zooms, Escape resets`} />
    </figure>
  );
}

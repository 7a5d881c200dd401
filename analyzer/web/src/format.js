// format.js: numbers and names as people read them, the way the text report writes them.
import { highOf, isExact, lowOf, valueOf } from './data.js';

const threeDigits = (number) => {
  if (number >= 100) return number.toFixed(0);
  return number >= 10 ? number.toFixed(1) : number.toFixed(2);
};

export const formatCount = (count) => Math.round(count).toLocaleString('en-US');

export function formatBytes(bytes) {
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let size = Math.abs(bytes);
  const sign = bytes < 0 ? '-' : '';
  if (size < 1024) return `${sign}${Math.round(size)} B`;
  let unit = -1;
  for (; size >= 999.5 && unit < units.length - 1; ++unit) size /= 1024;
  return `${sign}${threeDigits(size)} ${units[Math.max(unit, 0)]}`;
}

export function formatTime(ns) {
  const sign = ns < 0 ? '-' : '';
  const time = Math.abs(ns);
  if (time < 999.5) return `${sign}${Math.round(time)} ns`;
  if (time < 999.5e3) return `${sign}${threeDigits(time / 1e3)} µs`;
  if (time < 999.5e6) return `${sign}${threeDigits(time / 1e6)} ms`;
  if (time < 120e9) return `${sign}${threeDigits(time / 1e9)} s`;
  const minutes = Math.round(time / 60e9);
  if (minutes < 60) return `${sign}${minutes} min`;
  return `${sign}${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

export const formatShare = (part, whole) => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : '–');

export const formats = { count: formatCount, bytes: formatBytes, ns: formatTime };

export const formatNumber = (number, unit) =>
  number === null || number === undefined ? '–' : `${isExact(number) ? '' : '~'}${formats[unit](valueOf(number))}`;

export const formatInterval = (number, unit) =>
  isExact(number) ? 'exact' : `${formats[unit](lowOf(number))} to ${formats[unit](highOf(number))}`;

// What would hide in a name, or turn its direction, is shown. Markup needs nothing: names only ever become text nodes.
// eslint-disable-next-line no-control-regex
const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
export const visible = (name) =>
  name.replace(invisible, (c) => (c < "\u0100" ? `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}` : `\\u${c.charCodeAt(0).toString(16)}`));

export const baseName = (path) => path.slice(path.lastIndexOf('/') + 1);

export function formatPlace(frame) {
  if (frame === null) return '(no stack)';
  if (frame.file !== '') return `${visible(baseName(frame.file))}${frame.line > 0 ? `:${frame.line}` : ''}`;
  return visible(baseName(frame.module));
}

export const nameOf = (frame) => (frame === null ? '(no stack)' : visible(frame.name));

// As it is pasted into a ticket: one frame a line, the innermost first.
export const stackText = (frames) =>
  frames
    .map((frame) => `${visible(frame.name)}${frame.inlined ? ' [inlined]' : ''} (${
      frame.file !== '' ? visible(`${frame.file}${frame.line > 0 ? `:${frame.line}` : ''}`) : visible(frame.module)})`)
    .join('\n');

// range.jsx: the chosen part of the time: what it is, and which figures follow it.
import { go } from './address.js';
import { formatTime } from './format.js';

export function RangeChip({ process, range }) {
  if (range === null) return null;
  const [from, to] = process.timesOf(range);
  return (
    <button type="button" class="chip" onClick={() => go({ range: undefined })} aria-label="Show all the time again">
      {formatTime(from)} to {formatTime(to)} <span aria-hidden="true">✕</span>
    </button>
  );
}

// Beside figures that may or may not be of the range.
export function RangeNote({ process, range, isRanged }) {
  if (range === null) return null;
  const [from, to] = process.timesOf(range);
  return (
    <p class="note" role="status">
      {isRanged ? `Of ${formatTime(from)} to ${formatTime(to)}; live memory at its end, leaks of what was made in it. Grey figures are of the whole recording.` : 'Of the whole recording: this is not known of a part of the time.'}
    </p>
  );
}

// table.jsx: a table that is sorted by its headings, filtered by words and walked through with the arrow keys.
//
// A column: {id, header, value: row => what it is sorted by, cell: row => what is shown, numeric, text: row => what is
// searched, whole: the figure is of all the recording even where a time range is chosen}.
import { createTable, getCoreRowModel, getFilteredRowModel, getPaginationRowModel, getSortedRowModel } from '@tanstack/table-core';
import { useMemo, useState } from 'preact/hooks';
import { formatCount } from './format.js';

const PAGE = 50;

// "1 site", "2 sites".
const countOf = (count, label) => `${formatCount(count)} ${count === 1 ? label.replace(/s$/, '') : label}`;

const toColumn = (column) => ({
  id: column.id,
  accessorFn: column.value,
  sortDescFirst: column.numeric === true,
  meta: column,
});

function useTable({ rows, columns, sort, filter, count }) {
  const [sorting, setSorting] = useState([{ id: sort, desc: true }]);
  const table = useMemo(() => {
    const texts = columns.filter((column) => column.text !== undefined);
    const known = new Map(); // whole stacks take a while to put together
    const textOf = ({ original }) => {
      if (!known.has(original)) known.set(original, texts.map((column) => column.text(original)).join(' ').toLowerCase());
      return known.get(original);
    };
    const hasWords = (row, _, words) => words.toLowerCase().split(/\s+/).every((word) => textOf(row).includes(word));
    return createTable({
      data: rows,
      columns: columns.map(toColumn),
      state: { columnPinning: { left: [], right: [] } },
      globalFilterFn: hasWords,
      getColumnCanGlobalFilter: () => true,
      onStateChange: () => {},
      renderFallbackValue: null,
      enableMultiSort: false,
      getCoreRowModel: getCoreRowModel(),
      getFilteredRowModel: getFilteredRowModel(),
      getSortedRowModel: getSortedRowModel(),
      getPaginationRowModel: getPaginationRowModel(),
    });
  }, [rows, columns]);
  table.setOptions((options) => ({
    ...options,
    state: {
      ...table.initialState,
      sorting,
      globalFilter: filter.trim() === '' ? undefined : filter,
      pagination: { pageIndex: 0, pageSize: count },
    },
    onSortingChange: (update) => setSorting((old) => (typeof update === 'function' ? update(old) : update)),
  }));
  return table;
}

function Heading({ header }) {
  const { meta } = header.column.columnDef;
  const sorted = header.column.getIsSorted();
  const order = { asc: 'ascending', desc: 'descending' }[sorted] ?? 'none';
  const arrow = <span class="order" aria-hidden="true">{{ asc: '▲', desc: '▼' }[sorted] ?? ''}</span>;
  return (
    <th scope="col" class={meta.numeric ? 'number' : ''} aria-sort={order}>
      <button type="button" onClick={header.column.getToggleSortingHandler()}>
        {meta.numeric && arrow}{meta.header}{!meta.numeric && arrow}
      </button>
    </th>
  );
}

// Rows that can be opened have one link; the arrow keys go from one to the next.
function walk(event) {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const links = [...event.currentTarget.querySelectorAll('tbody a')];
  const at = links.indexOf(document.activeElement);
  if (at < 0) return;
  const next = links[at + (event.key === 'ArrowDown' ? 1 : -1)];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}

export function Table({ label, rows, columns, sort, selected, isRanged = false, footer }) {
  const [filter, setFilter] = useState('');
  const [count, setCount] = useState(PAGE);
  const table = useTable({ rows, columns, sort, filter, count });
  const found = table.getFilteredRowModel().rows.length;
  const shown = table.getRowModel().rows;
  return (
    <div class="table">
      <div class="tools">
        <input type="search" placeholder="Filter" aria-label={`Filter ${label}`} value={filter} onInput={(event) => setFilter(event.target.value)} />
        <span class="note" role="status">{found === rows.length ? countOf(rows.length, label) : `${formatCount(found)} of ${countOf(rows.length, label)}`}</span>
      </div>
      <div class="scroll">
        <table aria-label={label} onKeyDown={walk}>
          <thead>
            {table.getHeaderGroups().map((group) => <tr key={group.id}>{group.headers.map((header) => <Heading key={header.id} header={header} />)}</tr>)}
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.id} aria-selected={selected === row.original.id}>
                {row.getVisibleCells().map(({ id, column: { columnDef: { meta } } }) => (
                  <td key={id} class={`${meta.numeric ? 'number' : ''} ${isRanged && meta.whole ? 'whole' : ''}`}>{meta.cell(row.original)}</td>
                ))}
              </tr>
            ))}
          </tbody>
          {footer !== undefined && <tfoot>{footer}</tfoot>}
        </table>
      </div>
      {shown.length < found && (
        <button type="button" onClick={() => setCount(count + 4 * PAGE)}>Show {Math.min(4 * PAGE, found - shown.length)} more</button>
      )}
    </div>
  );
}

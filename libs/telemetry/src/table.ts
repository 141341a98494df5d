/** One column of a table. */
export interface TableColumn<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number;
  /** Default: right where all values are numbers, else left. */
  readonly align?: 'left' | 'right';
}

/**
 * A Markdown pipe table, padded so that it also reads well as plain text. `|` in a cell is escaped, a line break becomes a space.
 * @returns lines joined with `\n`, without a last one
 */
export function formatTable<Row>(rows: readonly Row[], columns: readonly TableColumn<Row>[]): string {
  const formatted = columns.map((column) => {
    const values = rows.map(column.value);
    const cells = values.map((value) => cellText(String(value)));
    const title = cellText(column.title);
    const width = Math.max(3, title.length, ...cells.map((cell) => cell.length));
    const isNumeric = values.length > 0 && values.every((value) => typeof value === 'number');
    const right = column.align === undefined ? isNumeric : column.align === 'right';
    const pad = (cell: string): string => (right ? cell.padStart(width) : cell.padEnd(width));
    return { title: pad(title), rule: '-'.repeat(width - 1) + (right ? ':' : '-'), cells: cells.map(pad) };
  });
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(formatted.map((column) => column.title)),
    line(formatted.map((column) => column.rule)),
    ...rows.map((_, row) => line(formatted.map((column) => column.cells[row]))),
  ].join('\n');
}

function cellText(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s*[\r\n]+\s*/g, ' ');
}

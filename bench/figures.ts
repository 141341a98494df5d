import { formatTable } from '@blockpruner/telemetry';

/** A table: its rows, and what each column shows of one, by title. The first column is of names. */
export function tableOf<Row>(
  rows: readonly Row[],
  cells: Readonly<Record<string, (row: Row) => string | number>>,
): string {
  const columns = Object.entries(cells).map(([title, value], i) => ({
    title,
    value,
    align: i === 0 ? ('left' as const) : ('right' as const),
  }));
  return formatTable(rows, columns);
}

export function fixed(value: number, digits = 2): string {
  return value.toFixed(digits);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** FLOP/s in units of a billion. */
export function gigaflops(flopsPerSecond: number): string {
  return (flopsPerSecond / 1e9).toFixed(1);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

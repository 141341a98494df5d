import { meanOf, type RowWindows } from './row-windows.ts';

/** Second moments of the windows of some rows, about the mean of those windows: of two series, y and x. */
export interface SetMoments {
  readonly rowCount: number;
  readonly windowCount: number;
  /** Mean over the rows of 1 / windows of the row: the variance of a row mean, over that of independent windows. */
  readonly perRow: number;
  /** Means of row means. */
  readonly meanY: number;
  readonly meanX: number;
  readonly yy: number;
  readonly xy: number;
  readonly xx: number;
  /** The same sums of row means about their mean, each row counted as often as it has windows. */
  readonly between: { readonly yy: number; readonly xy: number; readonly xx: number };
}

/** @param x of the same rows and windows as y */
export function momentsOf(y: readonly RowWindows[], x: readonly RowWindows[]): SetMoments {
  const meanY = meanOf(y.map(meanOf));
  const meanX = meanOf(x.map(meanOf));
  const windowCount = y.reduce((sum, { length }) => sum + length, 0);
  const centreY = totalOf(y) / windowCount;
  const centreX = totalOf(x) / windowCount;
  const within = { yy: 0, xy: 0, xx: 0 };
  const between = { yy: 0, xy: 0, xx: 0 };
  y.forEach((windows, row) => {
    const offX = meanOf(x[row]) - meanX;
    const offY = meanOf(windows) - meanY;
    add(between, offY, offX, windows.length);
    for (let i = 0; i < windows.length; i++) add(within, windows[i] - centreY, x[row][i] - centreX, 1);
  });
  const perRow = meanOf(y.map(({ length }) => 1 / length));
  return { rowCount: y.length, windowCount, perRow, meanY, meanX, ...within, between };
}

function add(sums: { yy: number; xy: number; xx: number }, y: number, x: number, times: number): void {
  sums.yy += times * y * y;
  sums.xy += times * x * y;
  sums.xx += times * x * x;
}

function totalOf(rows: readonly RowWindows[]): number {
  return rows.reduce((sum, windows) => sum + meanOf(windows) * windows.length, 0);
}

import type { BlockIndex, Mask } from '@blockpruner/blocks';
import { cellKey, sameCellValue, type Cell, type CellId } from './cell.ts';
import { oneSet, type RowSet } from './row-set.ts';
import { perplexityOf, scoreOf, type Score } from './score.ts';
import { rowMeanNats, targetCount, windowCount } from './window.ts';

/** A cell that does not fit its row, or that contradicts the value already held. */
export class CellError extends Error {
  override readonly name = 'CellError';
}

/**
 * The cells of a run.
 *
 * Invariants:
 * 1. The first value of a cell stays, unless it is replaced by name; an equal later one changes nothing, a different
 *    one throws.
 * 2. A score exists only when every row has its cell, and is merged in row order: it does not depend on who
 *    computed what, or when.
 */
export class CellTable {
  readonly rowTokens: readonly number[];
  /** Of which the rows of the score are made, in row order. */
  readonly sets: readonly RowSet[];
  private readonly cells = new Map<string, Cell>();
  private replacements = 0;

  /**
   * @param rowTokens the length of each row, in tokens
   * @param sets of the calibration rows; rows behind them have cells, and are no part of the score
   */
  constructor(rowTokens: readonly number[], sets: readonly RowSet[] = oneSet(rowTokens.length)) {
    this.rowTokens = rowTokens;
    this.sets = sets;
  }

  /** Changes whenever a value is replaced: what was made of the cells before has to be made again. */
  get revision(): number {
    return this.replacements;
  }

  /** Calibration rows: those that the score is a mean over. */
  get rowCount(): number {
    return this.sets.reduce((sum, { rowCount }) => sum + rowCount, 0);
  }

  /** Rows that are no part of the score: those behind the sets. */
  get heldOutRows(): number[] {
    const { rowCount } = this;
    return Array.from({ length: this.rowTokens.length - rowCount }, (_, i) => rowCount + i);
  }

  has(id: CellId): boolean {
    return this.cells.has(cellKey(id));
  }

  /**
   * @returns whether the cell is new
   * @throws CellError when the row does not exist, the window count is wrong, or a different value is held (1)
   */
  add(cell: Cell): boolean {
    const key = this.checkedKey(cell);
    const held = this.cells.get(key);
    if (held === undefined) {
      this.cells.set(key, cell);
      return true;
    }
    if (!sameCellValue(held.windowSums, cell.windowSums)) {
      throw new CellError(`cell ${key}: two workers computed different values`);
    }
    return false;
  }

  /**
   * Puts another value in the place of one that was found to be wrong.
   * @throws CellError as `add` does, and when there is no value to replace
   */
  replace(cell: Cell): void {
    const key = this.checkedKey(cell);
    if (!this.cells.has(key)) throw new CellError(`cell ${key}: there is no value to replace`);
    this.cells.set(key, cell);
    this.replacements++;
  }

  /** Sums of a cell's windows, nats, or undefined while it is missing. */
  windowSums(id: CellId): Float64Array | undefined {
    return this.cells.get(cellKey(id))?.windowSums;
  }

  /** The row's mean in nats, or undefined while its cell is missing. */
  rowMean(id: CellId): number | undefined {
    const cell = this.cells.get(cellKey(id));
    return cell && rowMeanNats(cell.windowSums, targetCount(this.rowTokens[id.row]));
  }

  /** Row means in row order, or undefined while one is missing (2). */
  rowMeans(mask: Mask, candidate: BlockIndex | null): number[] | undefined {
    const means: number[] = [];
    for (let row = 0; row < this.rowCount; row++) {
      const mean = this.rowMean({ mask, candidate, row });
      if (mean === undefined) return undefined;
      means.push(mean);
    }
    return means;
  }

  /** Score and perplexity over all rows, or undefined while a cell is missing (2). */
  score(mask: Mask, candidate: BlockIndex | null): Score | undefined {
    const rows = this.rowMeans(mask, candidate);
    if (rows === undefined) return undefined;
    const score = scoreOf(rows, this.sets);
    return { score, perplexity: perplexityOf(score), rows };
  }

  private checkedKey(cell: Cell): string {
    const key = cellKey(cell);
    const tokens = this.rowTokens[cell.row];
    if (tokens === undefined)
      throw new CellError(`cell ${key}: there are only ${this.rowTokens.length} rows`);
    if (cell.windowSums.length !== windowCount(tokens)) {
      throw new CellError(
        `cell ${key}: ${cell.windowSums.length} window sums, but a row of ${tokens} tokens has ${windowCount(tokens)}`,
      );
    }
    return key;
  }
}

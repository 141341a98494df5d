import { formatMask, type BlockIndex, type Mask, type UnitKind } from '@blockpruner/blocks';
import { cellKey, sameCellValue, type Cell, type CellId } from '@blockpruner/perplexity';
import { sameBlocks, type Work } from './task.ts';

/** Who computed a cell. */
export interface Computer {
  readonly id: string;
  readonly name: string;
  readonly numericClass: string;
}

interface Value {
  readonly cell: Cell;
  readonly by: Computer;
}

interface Entry {
  first: Value;
  /** Another value that differs from the first one: a third worker decides. */
  dispute: Value | null;
  /** Whether another worker has computed the same. */
  isConfirmed: boolean;
  /** Its computer was found to give wrong numbers: whatever another computes replaces it. */
  isSuspect: boolean;
  /** What its candidate is. */
  readonly unit: UnitKind;
  /** Workers that were lost on computing it again. */
  tries: number;
}

/** Tries of a check: a cell that was computed once is not worth more. */
const MAX_TRIES = 3;

/** What a further value of a cell says. */
export type Comparison =
  /** Of a cell that is not known, or of another numeric class. */
  | { readonly kind: 'incomparable' }
  | { readonly kind: 'equal' }
  /** Two workers differ: a third is needed. */
  | { readonly kind: 'differs'; readonly workers: readonly [Computer, Computer] }
  /** Two agree against one. */
  | { readonly kind: 'verdict'; readonly liar: Computer; readonly cell: Cell; readonly isCorrected: boolean }
  /** The value of a worker that lied elsewhere is replaced. */
  | { readonly kind: 'replaced'; readonly cell: Cell }
  /** Three workers, three values. */
  | { readonly kind: 'unreproducible'; readonly workers: readonly Computer[] };

/**
 * Compares cells that more than one worker has computed, and says which are to be computed again for that.
 *
 * Invariants:
 * 1. A cell is computed again only by a worker of the same numeric class that has not given a value of it.
 * 2. A cell that is wanted again waits here or is in one worker's hands, until it was compared.
 * 3. Values are kept of the present mask, of those that run ahead of it, and of the one before, which the latest decision
 *    was made of.
 */
export class Checks {
  /** By mask and cell. */
  private readonly byMask = new Map<string, Map<string, Entry>>();
  private present = '';
  private previous = '';
  private readonly waiting = new Map<string, CellId>();
  private readonly inHands = new Map<string, CellId>();
  private readonly disputed = new Map<string, CellId>();
  /** Times that a cell came to wait. */
  private waits = 0;

  /** Work on a mask begins. */
  begin(mask: Mask): void {
    if (this.present !== formatMask(mask)) this.previous = this.present;
    this.present = formatMask(mask);
    for (const kept of this.byMask.keys())
      if (kept !== this.present && kept !== this.previous) this.byMask.delete(kept); // (3)
    for (const wanted of [this.waiting, this.inHands, this.disputed])
      for (const [key, id] of wanted) if (formatMask(id.mask) !== this.present) wanted.delete(key);
  }

  isPresent(mask: Mask): boolean {
    return formatMask(mask) === this.present;
  }

  /** How many cells of the present mask are to be computed again, waiting or in hands. */
  get pendingCount(): number {
    let count = 0;
    for (const { mask } of [...this.waiting.values(), ...this.inHands.values()])
      if (formatMask(mask) === this.present) count++;
    return count;
  }

  /** Changes with each cell that comes to wait. */
  get version(): number {
    return this.waits;
  }

  /** Cells of the present mask that wait for another worker, and must not be decided on before. */
  get doubts(): CellId[] {
    const waiting = [...this.waiting.values()].filter((id) => this.entryOf(id)?.isSuspect);
    return [...this.disputes, ...waiting];
  }

  /** Cells of the present mask of which two values differ. */
  get disputes(): CellId[] {
    return [...this.disputed.values()].filter(({ mask }) => formatMask(mask) === this.present);
  }

  /** Whether a value was used by a decision before it was compared. */
  isDecided(id: CellId): boolean {
    return formatMask(id.mask) === this.previous && this.entryOf(id) !== undefined;
  }

  accepted(cell: Cell, by: Computer, unit: UnitKind): void {
    const first = { cell, by };
    const mask = formatMask(cell.mask);
    let entries = this.byMask.get(mask);
    if (entries === undefined) this.byMask.set(mask, (entries = new Map<string, Entry>()));
    entries.set(cellKey(cell), {
      first,
      dispute: null,
      isConfirmed: false,
      isSuspect: false,
      unit,
      tries: 0,
    });
  }

  /** Has a cell computed again, unless it was, or is not there. @returns whether it is to be */
  want(id: CellId): boolean {
    const key = cellKey(id);
    const entry = this.entryOf(id);
    if (entry === undefined || entry.isConfirmed || this.waiting.has(key) || this.inHands.has(key))
      return false;
    this.waiting.set(key, id); // (2)
    this.waits++;
    return true;
  }

  /**
   * Has a candidate's cells computed again until so many rows of it are confirmed, on the first rows in the given order
   * that have its cell.
   */
  wantRows(
    { mask, candidate }: Omit<CellId, 'row'>,
    rows: readonly number[],
    rowCount: number,
    workers: readonly Computer[],
  ): void {
    let confirmed = 0;
    for (const row of rows) {
      if (confirmed === rowCount) return;
      const id = { mask, candidate, row };
      const key = cellKey(id);
      const isSure = this.entryOf(id)?.isConfirmed || this.waiting.has(key) || this.inHands.has(key);
      if (isSure || (this.canBeChecked(id, workers) && this.want(id))) confirmed++;
    }
  }

  /** Whether any of the workers may compute a cell again. */
  canBeChecked(id: CellId, workers: readonly Computer[]): boolean {
    const entry = this.entryOf(id);
    return entry !== undefined && workers.some((worker) => isOther(entry, worker));
  }

  /** Cells of one row that the worker is to compute again, or null. */
  take(worker: Computer): Work | null {
    let work:
      | { readonly id: CellId; readonly unit: UnitKind; readonly candidates: (BlockIndex | null)[] }
      | undefined;
    for (const [key, id] of this.waiting) {
      const entry = this.entryOf(id);
      if (entry === undefined || !isOther(entry, worker)) continue; // (1)
      if (work !== undefined && (work.id.row !== id.row || !sameBlocks(work.id.mask, id.mask))) continue;
      work ??= { id, unit: entry.unit, candidates: [] };
      work.candidates.push(id.candidate);
      this.waiting.delete(key);
      this.inHands.set(key, id);
    }
    if (work === undefined) return null;
    const candidates = work.candidates.filter((candidate) => candidate !== null).sort((a, b) => a - b);
    return {
      base: work.id.mask,
      unit: work.unit,
      candidates,
      baseline: work.candidates.includes(null),
      rows: [work.id.row],
    };
  }

  /**
   * Cells that a worker had in hands to compute again and did not: they wait anew, unless that has been tried too often
   * of a cell that nothing is held against.
   * @param isBlamed whether the worker was lost on them
   */
  giveBack(ids: readonly CellId[], isBlamed: boolean): void {
    for (const id of ids) {
      const key = cellKey(id);
      if (!this.inHands.delete(key)) continue;
      const entry = this.entryOf(id);
      if (entry && isBlamed && ++entry.tries >= MAX_TRIES && !isDoubted(entry)) continue;
      this.waiting.set(key, id);
      this.waits++;
    }
  }

  /** Wants a cell again no more. */
  drop(id: CellId): void {
    const key = cellKey(id);
    this.waiting.delete(key);
    this.inHands.delete(key);
  }

  /** Drops what is wanted of cells that none of the workers may compute, but for doubted ones. @returns how many */
  dropUncheckable(workers: readonly Computer[]): number {
    let count = 0;
    for (const [key, id] of this.waiting) {
      const entry = this.entryOf(id);
      if ((entry && isDoubted(entry)) || this.canBeChecked(id, workers)) continue;
      this.waiting.delete(key);
      count++;
    }
    return count;
  }

  /** A further value of a cell has come. */
  compare(cell: Cell, by: Computer): Comparison {
    const entry = this.entryOf(cell);
    if (entry === undefined || entry.first.by.numericClass !== by.numericClass)
      return { kind: 'incomparable' };
    this.drop(cell);
    const { first, dispute } = entry;
    const isFirst = sameCellValue(first.cell.windowSums, cell.windowSums);
    if (entry.isSuspect && first.by.id !== by.id) {
      entry.isSuspect = false;
      entry.first = { cell, by };
      if (dispute !== null && sameCellValue(dispute.cell.windowSums, cell.windowSums)) {
        this.dispute(entry, null);
        entry.isConfirmed = true;
      }
      return isFirst ? { kind: 'equal' } : { kind: 'replaced', cell };
    }
    if (dispute === null) {
      if (isFirst) {
        entry.isConfirmed ||= first.by.id !== by.id;
        return { kind: 'equal' };
      }
      if (entry.isConfirmed) return { kind: 'verdict', liar: by, cell: first.cell, isCorrected: false };
      this.dispute(entry, { cell, by });
      return { kind: 'differs', workers: [first.by, by] };
    }
    if (!isOther(entry, by)) return { kind: 'incomparable' };
    const isSecond = sameCellValue(dispute.cell.windowSums, cell.windowSums);
    if (!isFirst && !isSecond) return { kind: 'unreproducible', workers: [first.by, dispute.by, by] };
    this.dispute(entry, null);
    entry.isConfirmed = true;
    if (!isFirst) entry.first = dispute;
    const liar = isFirst ? dispute.by : first.by;
    return { kind: 'verdict', liar, cell: entry.first.cell, isCorrected: !isFirst };
  }

  /** Cells of the present work that only this worker has vouched for: they are to be computed again. */
  suspect(workerId: string): void {
    for (const entry of this.undecided()) {
      if (entry.dispute?.by.id === workerId) this.dispute(entry, null);
      if (entry.first.by.id !== workerId || entry.isConfirmed) continue;
      entry.isSuspect = true;
      this.want(entry.first.cell); // and waits for as long as it takes
    }
  }

  /** Cells of the work before that only this worker has vouched for: a decision was made of them. */
  decidedCount(workerId: string): number {
    const decided = [...(this.byMask.get(this.previous)?.values() ?? [])];
    return decided.filter(({ first, isConfirmed }) => first.by.id === workerId && !isConfirmed).length;
  }

  private dispute(entry: Entry, second: Value | null): void {
    entry.dispute = second;
    const key = cellKey(entry.first.cell);
    if (second) this.disputed.set(key, entry.first.cell);
    else this.disputed.delete(key);
  }

  private entryOf(id: CellId): Entry | undefined {
    return this.byMask.get(formatMask(id.mask))?.get(cellKey(id));
  }

  private undecided(): Entry[] {
    return [...this.byMask].flatMap(([mask, entries]) =>
      mask === this.previous ? [] : [...entries.values()],
    );
  }
}

/** Whether its value must not be used before another worker has computed it. */
function isDoubted({ dispute, isSuspect }: Entry): boolean {
  return dispute !== null || isSuspect;
}

function isOther({ first, dispute }: Entry, { id, numericClass }: Computer): boolean {
  return first.by.numericClass === numericClass && first.by.id !== id && dispute?.by.id !== id;
}

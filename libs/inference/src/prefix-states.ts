import { maskBelow, type BlockIndex, type Mask } from '@blockpruner/blocks';

/** The residual stream `[rows, positions, hidden]` of a micro-batch just before a block. */
export interface PrefixState {
  readonly boundary: BlockIndex;
  readonly values: Float32Array;
}

/** Whose stream it is: the same indices with other tokens, as another run has them, are other rows. */
export interface StateRows {
  readonly rowIndices: readonly number[];
  readonly tokenIds: readonly Int32Array[];
  /** Of each row, its padding with them. */
  readonly positions: number;
}

/** Of the baseline's stream where the last task on these rows left it: one for each rows, and the last to go. */
export const LATEST_WORTH = Number.POSITIVE_INFINITY;

interface Kept extends PrefixState {
  readonly rows: StateRows;
  readonly removedBelow: Mask;
  readonly level: Level;
}

/** The states of the same rows, and the last iteration that asked for them. */
interface RowStates {
  readonly states: Set<Kept>;
  iteration: number;
}

/** The states of one worth, the least recently used first. */
interface Level {
  readonly worth: number;
  readonly states: Set<Kept>;
  bytes: number;
}

/**
 * Residual streams that may be needed again: by the next task on the same rows, and in the next iteration, when every
 * candidate below the block just removed can start where that block was.
 *
 * Invariants:
 * 1. A state is found only for the same tokens, boundary and removed blocks below it: it depends on nothing else.
 * 2. The states held never exceed the byte budget. Those of the least worth go first, then the least recently used.
 * 3. Rows that a whole iteration did not ask for are another worker's by now: they go when the mask grows beyond the
 *    largest so far. A worker that runs ahead or checks goes back to smaller masks in between, and loses nothing by it.
 */
export class PrefixStates {
  private readonly budgetBytes: number;
  private readonly byRows = new Map<string, RowStates>();
  /** Of ascending worth: few, since worth follows from boundaries, and not from rows. */
  private readonly levels: Level[] = [];
  private bytes = 0;
  private largestMask = 0;
  private iteration = 0;

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  get heldBytes(): number {
    return this.bytes;
  }

  /**
   * The state of the mask nearest to `boundary`, at or below it.
   * @returns undefined when the walk must start at the embedding
   */
  find(rows: StateRows, mask: Mask, boundary: BlockIndex): PrefixState | undefined {
    let best: Kept | undefined;
    for (const kept of this.statesOf(rows)) {
      if (kept.boundary > boundary || (best && kept.boundary <= best.boundary)) continue;
      if (sameBlocks(kept.removedBelow, maskBelow(mask, kept.boundary)) && sameTokens(kept.rows, rows))
        best = kept; // (1)
    }
    if (best) {
      best.level.states.delete(best);
      best.level.states.add(best);
    }
    return best;
  }

  /** Whether a state of so many bytes would be kept without another of its worth having to go. */
  wants(bytes: number, worth: number): boolean {
    return this.hasRoom(bytes, (level) => level.worth < worth);
  }

  keep(rows: StateRows, mask: Mask, state: PrefixState, worth: number): void {
    const { byteLength } = state.values;
    const removedBelow = maskBelow(mask, state.boundary);
    for (const kept of this.statesOf(rows)) {
      const isSame = kept.boundary === state.boundary && sameBlocks(kept.removedBelow, removedBelow);
      if (isSame || (worth === LATEST_WORTH && kept.level.worth === LATEST_WORTH)) this.remove(kept);
    }
    if (!this.hasRoom(byteLength, (level) => level.worth <= worth)) return;
    while (this.bytes + byteLength > this.budgetBytes) this.removeLeast(); // (2)
    this.add({ ...state, rows, removedBelow, level: this.levelOf(worth) });
  }

  /**
   * The mask that sweeps go on from. Drops what no mask that extends it can use: a search never puts a block back.
   */
  narrowTo(mask: Mask): void {
    const isNext = mask.length > this.largestMask;
    for (const { states, iteration } of [...this.byRows.values()]) {
      const isForgotten = isNext && iteration < this.iteration; // (3)
      for (const kept of states) {
        const below = maskBelow(mask, kept.boundary);
        const isUsable = below.every((block) => kept.removedBelow.includes(block));
        if (isForgotten || !isUsable) this.remove(kept);
      }
    }
    if (!isNext) return;
    this.largestMask = mask.length;
    this.iteration++;
  }

  private statesOf(rows: StateRows): Iterable<Kept> {
    const ofRows = this.byRows.get(keyOf(rows));
    if (ofRows === undefined) return [];
    ofRows.iteration = this.iteration;
    return ofRows.states;
  }

  private hasRoom(bytes: number, isExpendable: (level: Level) => boolean): boolean {
    let room = this.budgetBytes - this.bytes;
    for (const level of this.levels) {
      if (room >= bytes || !isExpendable(level)) break;
      room += level.bytes;
    }
    return room >= bytes;
  }

  private levelOf(worth: number): Level {
    const place = this.levels.findIndex((level) => level.worth >= worth);
    if (place >= 0 && this.levels[place].worth === worth) return this.levels[place];
    const level = { worth, states: new Set<Kept>(), bytes: 0 };
    this.levels.splice(place < 0 ? this.levels.length : place, 0, level);
    return level;
  }

  private add(kept: Kept): void {
    const key = keyOf(kept.rows);
    const ofRows = this.byRows.get(key);
    if (ofRows) ofRows.states.add(kept);
    else this.byRows.set(key, { states: new Set([kept]), iteration: this.iteration });
    kept.level.states.add(kept);
    kept.level.bytes += kept.values.byteLength;
    this.bytes += kept.values.byteLength;
  }

  private remove(kept: Kept): void {
    const key = keyOf(kept.rows);
    const ofRows = this.byRows.get(key);
    ofRows?.states.delete(kept);
    if (ofRows?.states.size === 0) this.byRows.delete(key);
    kept.level.states.delete(kept);
    kept.level.bytes -= kept.values.byteLength;
    this.bytes -= kept.values.byteLength;
  }

  private removeLeast(): void {
    for (const { states } of this.levels) {
      for (const kept of states) return this.remove(kept);
    }
  }
}

function keyOf({ rowIndices, positions }: StateRows): string {
  return `${positions}/${rowIndices.join()}`;
}

function sameBlocks(a: Mask, b: Mask): boolean {
  return a.length === b.length && a.every((block, i) => block === b[i]);
}

function sameTokens({ tokenIds: a }: StateRows, { tokenIds: b }: StateRows): boolean {
  return a.every((ids, i) => ids.length === b[i].length && ids.every((id, j) => id === b[i][j]));
}

import { maskBelow, formatMask, type Mask } from '@blockpruner/blocks';

/** The baseline's residual stream `[rows, tokens, hidden]` just before a block. */
export interface PrefixState {
  readonly boundary: number;
  readonly values: Float32Array;
}

interface Kept extends PrefixState {
  readonly removedBelow: string;
  readonly tokenIds: readonly Int32Array[];
}

/**
 * Keeps the latest baseline state of recently used micro-batches, so that a task that goes on where the last
 * one ended does not start at the embedding.
 *
 * Invariants:
 * 1. A state is returned only for the same tokens and the same removed blocks below its boundary: it depends on
 *    nothing else.
 * 2. The states held never exceed the byte budget; the least recently used go first.
 */
export class PrefixStates {
  private readonly budgetBytes: number;
  private readonly states = new Map<string, Kept>();
  private heldBytes = 0;

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  /** The state nearest below `boundary`, or undefined when the walk must start at the embedding. */
  find(
    rows: readonly number[],
    tokenIds: readonly Int32Array[],
    mask: Mask,
    boundary: number,
  ): PrefixState | undefined {
    const key = rows.join();
    const kept = this.states.get(key);
    if (
      kept === undefined ||
      kept.boundary > boundary ||
      kept.removedBelow !== formatMask(maskBelow(mask, kept.boundary)) ||
      !sameTokens(kept.tokenIds, tokenIds)
    ) {
      return undefined;
    }
    this.states.delete(key);
    this.states.set(key, kept);
    return kept;
  }

  keep(rows: readonly number[], tokenIds: readonly Int32Array[], mask: Mask, state: PrefixState): void {
    const key = rows.join();
    this.drop(key);
    if (state.values.byteLength > this.budgetBytes) return;
    for (const oldest of this.states.keys()) {
      if (this.heldBytes + state.values.byteLength <= this.budgetBytes) break;
      this.drop(oldest);
    }
    this.states.set(key, { ...state, removedBelow: formatMask(maskBelow(mask, state.boundary)), tokenIds });
    this.heldBytes += state.values.byteLength;
  }

  private drop(key: string): void {
    this.heldBytes -= this.states.get(key)?.values.byteLength ?? 0;
    this.states.delete(key);
  }
}

function sameTokens(a: readonly Int32Array[], b: readonly Int32Array[]): boolean {
  return (
    a.length === b.length &&
    a.every((ids, i) => ids.length === b[i].length && ids.every((id, j) => id === b[i][j]))
  );
}

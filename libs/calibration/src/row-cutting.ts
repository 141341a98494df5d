/** A token stream cut into rows of one length. */
export interface CutRows {
  readonly rows: readonly Int32Array[];
  /** Tokens behind the last full row. */
  readonly droppedTokens: number;
}

/** Cuts a token stream into rows of `rowTokens` tokens and drops the tail. */
export function cutRows(ids: Int32Array, rowTokens: number): CutRows {
  const rowCount = Math.floor(ids.length / rowTokens);
  return {
    rows: Array.from({ length: rowCount }, (_, row) => ids.slice(row * rowTokens, (row + 1) * rowTokens)),
    droppedTokens: ids.length - rowCount * rowTokens,
  };
}

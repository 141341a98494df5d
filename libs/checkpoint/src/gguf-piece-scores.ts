/**
 * Scores by which `mergesFromScores` gives these merges again, one for each token: a piece that is merged before another
 * one has the better score. Tokens that no merge makes have the worst.
 * @param merges two tokens each, with a space between
 */
export function scoresFromMerges(tokens: readonly string[], merges: readonly string[]): number[] {
  const ranks = new Map<string, number>();
  for (const [rank, merge] of merges.entries()) {
    const piece = pieceOf(merge);
    if (!ranks.has(piece)) ranks.set(piece, rank);
  }
  return tokens.map((token) => 0 - (ranks.get(token) ?? merges.length));
}

/**
 * The merges as far as scores tell one order from another: pieces by their first merge, and the ways to make a piece by
 * their text. Which way goes first decides nothing, since a piece is there in one way only; so does it for runs of one
 * character, which grow from the left. `transformers` has put these in another order since 2024.
 * @returns null when scores cannot say it: merges of other pieces are between those of one
 */
export function mergesByPiece(merges: readonly string[]): string[] | null {
  const ways = new Map<string, string[]>();
  let last = '';
  for (const merge of merges) {
    const piece = pieceOf(merge);
    const known = ways.get(piece);
    if (known === undefined) ways.set(piece, [merge]);
    else if (piece === last || isRunOfOneCharacter(piece)) known.push(merge);
    else return null;
    last = piece;
  }
  return [...ways.values()].flatMap((list) => list.sort());
}

function pieceOf(merge: string): string {
  return merge.replace(' ', '');
}

function isRunOfOneCharacter(piece: string): boolean {
  return new Set(piece).size === 1;
}

/** The residual streams of one row on both sides of a block, each `[tokens, hidden]`. */
export interface StreamsAround {
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/**
 * How much larger a block makes the residual stream: the mean over a row's tokens of the ratio of the two lengths
 * (Euclidean norms). A ratio a token: a row's first tokens have streams a hundred times longer than the others, and would
 * decide a ratio of sums alone. Tokens whose stream is zero before the block have no ratio and are left out.
 * @returns 1 where no token has a ratio
 */
export function magnitudeRatio({ before, after }: StreamsAround, hiddenSize: number): number {
  let total = 0;
  let tokens = 0;
  for (let start = 0; start < before.length; start += hiddenSize) {
    let squaresBefore = 0;
    let squaresAfter = 0;
    for (let i = start; i < start + hiddenSize; i++) {
      squaresBefore += before[i] * before[i];
      squaresAfter += after[i] * after[i];
    }
    if (squaresBefore === 0) continue;
    total += Math.sqrt(squaresAfter / squaresBefore);
    tokens++;
  }
  return tokens === 0 ? 1 : total / tokens;
}

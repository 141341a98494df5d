/** The residual streams of one row on both sides of a block, each `[tokens, hidden]`. */
export interface StreamsAround {
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/**
 * How much larger a block makes the residual stream, as the published code of Prune&Comp (arXiv 2507.18212) computes it:
 * of each channel, the mean magnitude over a row's tokens behind the block over that before it; then the mean over
 * channels. Few tokens whose stream is a hundred times larger than that of others, such as a row's first, weigh so only in
 * the few channels that make them large.
 *
 * Channels that are zero before the block have no ratio and are left out.
 * @returns 1 where no channel has a ratio
 */
export function magnitudeRatio({ before, after }: StreamsAround, hiddenSize: number): number {
  let total = 0;
  let channels = 0;
  for (let channel = 0; channel < hiddenSize; channel++) {
    let magnitudeBefore = 0;
    let magnitudeAfter = 0;
    for (let i = channel; i < before.length; i += hiddenSize) {
      magnitudeBefore += Math.abs(before[i]);
      magnitudeAfter += Math.abs(after[i]);
    }
    if (magnitudeBefore === 0) continue;
    total += magnitudeAfter / magnitudeBefore;
    channels++;
  }
  return channels === 0 ? 1 : total / channels;
}

import type { ModelShape } from '@blockpruner/blocks';
import { measureMatmulPeak } from './matmul-peak.ts';

/** Rows of the product that is measured: at so many the matrix kernels are at their peak. */
const ROWS = 256;
/** A wider weight takes long to make and tells nothing more. */
const MAX_WIDTH = 4096;

/** What else the machine does for a moment must not halve the threads of a whole run. */
const CLEARLY_FASTER = 1.25;

/** Threads to compute with, and what the machine can do with them at best. */
export interface ThreadChoice {
  readonly threads: number;
  readonly peakFlopsPerSecond: number;
}

/**
 * The number of threads with which a product of the model's feed-forward shape is fastest: all there are, or half of
 * them, where two share a core. Threads change no bit on a CPU.
 * @param fixed the user's choice, measured alone
 */
export async function chooseThreads(
  shape: Pick<ModelShape, 'hiddenSize' | 'intermediateSize'>,
  maxThreads: number,
  fixed: number | null,
  budgetSeconds: number,
): Promise<ThreadChoice> {
  const choices = fixed === null ? [...new Set([maxThreads, Math.ceil(maxThreads / 2)])] : [fixed];
  const inner = Math.min(shape.hiddenSize, MAX_WIDTH);
  const columns = Math.min(shape.intermediateSize, MAX_WIDTH);
  const seconds = budgetSeconds / (2 * choices.length); // the other half goes to loading and the first run
  let best: ThreadChoice | undefined;
  for (const threads of choices) {
    const peakFlopsPerSecond = await measureMatmulPeak({ threads, rows: ROWS, inner, columns, seconds });
    if (best === undefined || peakFlopsPerSecond > CLEARLY_FASTER * best.peakFlopsPerSecond)
      best = { threads, peakFlopsPerSecond };
  }
  return best!;
}

import { sweepFlops, type ModelShape, type Sweep } from '@blockpruner/blocks';

/**
 * Cuts a sweep's candidates into contiguous ascending ranges, as many as asked for or as there are
 * candidates, so that the costliest range is as cheap as it can be. Each range pays for the baseline up to
 * its last candidate; the baseline's own cell goes with the last range.
 * @param tokens length of the row that the cost is of
 */
export function candidateRanges<S extends Sweep>(
  shape: ModelShape,
  sweep: S,
  tokens: number,
  parts: number,
): S[] {
  const { candidates } = sweep;
  const count = candidates.length;
  const ranges = Math.min(parts, count);
  if (ranges < 2) return [sweep];
  const cost = rangeCosts(shape, sweep, tokens);

  // cheapest[end]: the least possible cost of the costliest range when `candidates[0, end)` are cut into
  // the number of ranges reached so far; cuts[n][end]: where the last of those ranges starts.
  let cheapest = Array.from({ length: count + 1 }, (_, end) => (end === 0 ? 0 : cost(0, end)));
  const cuts: number[][] = [new Array<number>(count + 1).fill(0)];
  for (let n = 2; n <= ranges; n++) {
    const next = new Array<number>(count + 1).fill(Number.POSITIVE_INFINITY);
    const cut = new Array<number>(count + 1).fill(0);
    for (let end = n; end <= count; end++) {
      for (let start = n - 1; start < end; start++) {
        const worst = Math.max(cheapest[start], cost(start, end));
        if (worst < next[end]) {
          next[end] = worst;
          cut[end] = start;
        }
      }
    }
    cheapest = next;
    cuts.push(cut);
  }

  const result: S[] = [];
  for (let end = count, n = ranges - 1; n >= 0; n--) {
    const start = cuts[n][end];
    const isLast = end === count;
    result.unshift({
      ...sweep,
      candidates: candidates.slice(start, end),
      baseline: sweep.baseline && isLast,
    });
    end = start;
  }
  return result;
}

/** FLOPs of the candidates `[start, end)`, from 2·count sweeps instead of one a pair. */
function rangeCosts(shape: ModelShape, sweep: Sweep, tokens: number): (start: number, end: number) => number {
  const { candidates } = sweep;
  const count = candidates.length;
  const last = candidates[count - 1];
  const flops = (blocks: readonly number[], baseline: boolean) =>
    sweepFlops(shape, { ...sweep, candidates: blocks, baseline }, tokens);
  const alone = candidates.map((block, i) => flops([block], sweep.baseline && i === count - 1));
  const lastAlone = flops([last], false);
  const forksBefore = new Float64Array(count + 1);
  for (let i = 0; i < count - 1; i++) {
    forksBefore[i + 1] = forksBefore[i] + flops([candidates[i], last], false) - lastAlone;
  }
  return (start, end) => alone[end - 1] + forksBefore[end - 1] - forksBefore[start];
}

import type { EvaluationSession, Pass } from './evaluation-session.ts';

/** Answers how long parts of a pass take, in seconds. */
export interface PlanProbe {
  /** One layer, for so many groups of rows of tokens. */
  layerSeconds(groups: number, rows: number, tokens: number): Promise<number>;
  /** The head, for so many tokens in one chunk. */
  headSeconds(tokens: number): Promise<number>;
}

/** Runs of one measurement; the fastest counts, since others on the machine only ever slow one down. */
const RUNS = 2;

/** Measures on the first layer of a loaded model, and on its head. */
export function sessionProbe(session: EvaluationSession, hiddenSize: number): PlanProbe {
  const { start } = session.stage;
  const pass = (groups: number, rows: number, tokens: number, blocks: number): Pass => ({
    x: someValues(groups * rows * tokens * hiddenSize),
    groups,
    rows,
    tokens,
    keep: (block) => block < start + blocks,
    forks: [],
    unit: 'block',
  });
  return {
    layerSeconds: (groups, rows, tokens) => {
      const layer = pass(groups, rows, tokens, 2);
      return fastest(() => session.hidden(layer));
    },
    headSeconds: (tokens) => {
      const head = pass(1, 1, tokens, 0);
      return fastest(() => session.nll(head, new BigInt64Array(tokens), tokens));
    },
  };
}

async function fastest(run: () => Promise<unknown>): Promise<number> {
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const startedMs = performance.now();
    await run();
    fastestMs = Math.min(fastestMs, performance.now() - startedMs);
  }
  return fastestMs / 1000;
}

/** Ordinary numbers: zeros and denormals are of another speed. */
function someValues(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i));
}

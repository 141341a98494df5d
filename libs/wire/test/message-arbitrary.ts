import type { ShapePlan } from '@blockpruner/blocks';
import fc from 'fast-check';
import type { Cell } from '@blockpruner/perplexity';
import type { CoordinatorMessage, Hello, WireTask, WorkerMessage } from '../src/message.ts';

function text(maxChars: number): fc.Arbitrary<string> {
  return fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: maxChars })
    .filter((text) => text.length > 0 && text.length <= maxChars && !/\p{Cc}/u.test(text));
}

const id = text(128);
const reason = fc.string({ unit: 'grapheme', maxLength: 400 }).filter((text) => {
  return text.length <= 400 && !/[\p{Cc}\u2028\u2029]/u.test(text);
});
const maskAndCandidate = fc
  .uniqueArray(fc.integer({ min: 0, max: 2047 }), { maxLength: 12 })
  .chain((blocks) =>
    fc.record({
      mask: fc.constant(blocks.slice(1).sort((a, b) => a - b)),
      candidate: fc.constantFrom(null, ...blocks.slice(0, 1)),
    }),
  );

const hello: fc.Arbitrary<Hello> = fc.record({
  kind: fc.constant('hello' as const),
  protocolMin: fc.constant(1),
  protocolMax: fc.integer({ min: 1, max: 65_535 }),
  workerId: id,
  name: text(256),
  numericClass: text(256),
  device: text(256),
  memoryBytes: fc.maxSafeInteger().map((bytes) => Math.max(1, Math.abs(bytes))),
  threads: fc.integer({ min: 1, max: 4096 }),
  version: id,
});

const cells: fc.Arbitrary<Cell[]> = fc.integer({ min: 1, max: 9 }).chain((windows) =>
  fc.array(
    fc
      .record({
        where: maskAndCandidate,
        row: fc.integer({ min: 0, max: 1_048_575 }),
        sums: fc.array(fc.double(), { minLength: windows, maxLength: windows }),
      })
      .map(({ where, row, sums }) => ({ ...where, row, windowSums: Float64Array.from(sums) })),
    { minLength: 1, maxLength: 6 },
  ),
);

const plan: fc.Arbitrary<ShapePlan> = fc.record({
  microBatchRows: fc.integer({ min: 1, max: 4096 }),
  segmentCandidates: fc.integer({ min: 1, max: 2048 }),
  headChunkTokens: fc.integer({ min: 1, max: 131_072 }),
  rowBucketTokens: fc.integer({ min: 1, max: 131_072 }),
});

const measure = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });

const ready = fc.record({
  kind: fc.constant('ready' as const),
  modelFingerprint: id,
  shapePlan: plan,
  peakFlopsPerSecond: measure,
});

const taskFailed = fc.record({
  kind: fc.constant('taskFailed' as const),
  taskId: id,
  reason,
  retryable: fc.boolean(),
  shrunkPlan: fc.option(plan),
});

export const workerMessageArbitrary: fc.Arbitrary<WorkerMessage> = fc.oneof(
  hello,
  ready,
  fc.record({ kind: fc.constant('heartbeat' as const), taskId: fc.option(id) }),
  fc.record({ kind: fc.constant('cells' as const), taskId: id, cells }),
  fc.record({
    kind: fc.constant('taskDone' as const),
    taskId: id,
    computeSeconds: measure,
  }),
  taskFailed,
  fc.record({ kind: fc.constant('failed' as const), reason }),
  fc.record({ kind: fc.constant('leaving' as const), reason }),
  fc.record({ kind: fc.constant('draining' as const), taskId: id, reason }),
);

const row = fc.record({
  index: fc.integer({ min: 0, max: 1_048_575 }),
  tokenIds: fc
    .array(fc.integer({ min: 0, max: 2 ** 21 - 1 }), { minLength: 2, maxLength: 40 })
    .map((ids) => Int32Array.from(ids)),
});

const task: fc.Arbitrary<WireTask> = fc
  .record({
    taskId: id,
    blocks: fc.uniqueArray(fc.integer({ min: 0, max: 2047 }), { maxLength: 30 }),
    baseCount: fc.nat(30),
    baseline: fc.boolean(),
    rows: fc.uniqueArray(row, { minLength: 1, maxLength: 8, selector: ({ index }) => index }),
    plan,
    inFp32: fc.boolean(),
    unit: fc.constantFrom('block' as const, 'layer' as const),
  })
  .map(({ blocks, baseCount, baseline, unit, ...rest }) => {
    const base = blocks.slice(0, baseCount).sort((a, b) => a - b);
    const candidates = blocks
      .slice(baseCount)
      .filter((block) => unit === 'block' || (block % 2 === 0 && !base.includes(block + 1)))
      .sort((a, b) => a - b);
    return { ...rest, base, candidates, unit, baseline: baseline || candidates.length === 0 };
  });

export const coordinatorMessageArbitrary: fc.Arbitrary<CoordinatorMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('welcome' as const),
    protocol: fc.constant(1),
    runId: id,
    model: fc.record({ path: text(4096), fingerprint: id }),
    heartbeatMs: fc.integer({ min: 100, max: 3_600_000 }),
    shapePlan: fc.option(plan),
    longestRowTokens: fc.integer({ min: 2, max: 131_072 }),
    microBatchRows: fc.option(fc.integer({ min: 1, max: 4096 })),
    artifacts: fc.option(
      fc.record({
        host: fc.option(fc.constantFrom('node-7.example', '10.0.0.5', 'fe80::1%eth0')),
        port: fc.integer({ min: 1, max: 65_535 }),
      }),
    ),
  }),
  fc.record({ kind: fc.constant('assign' as const), task }),
  fc.record({ kind: fc.constant('cancel' as const), taskId: id }),
  fc.record({ kind: fc.constant('drain' as const) }),
  fc.record({ kind: fc.constant('finished' as const) }),
  fc.record({ kind: fc.constant('refused' as const), reason }),
);

/** Message bytes with a few of them changed, cut off or put in. */
export function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    removed: fc.nat(3),
    inserted: fc.uint8Array({ maxLength: 3 }),
  });
  return fc.tuple(bytes, fc.array(edit, { minLength: 1, maxLength: 5 })).map(([original, edits]) =>
    edits.reduce((current, { at, removed, inserted }) => {
      const start = Math.floor(at * current.length);
      return Buffer.concat([current.subarray(0, start), inserted, current.subarray(start + removed)]);
    }, original),
  );
}

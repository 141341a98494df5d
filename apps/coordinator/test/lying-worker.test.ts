import type { ModelShape } from '@blockpruner/blocks';
import { wholeSweep } from '@blockpruner/fleet';
import { cellKey, CellTable, windowCount, type Cell } from '@blockpruner/perplexity';
import { createLogger } from '@blockpruner/telemetry';
import { FleetClient, PROTOCOL_VERSION, type WireTask } from '@blockpruner/wire';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FleetDriver } from '../src/fleet-driver.ts';
import type { FleetNote } from '../src/fleet-hooks.ts';

const ROWS = [33, 33];
const CANDIDATES = [0, 1, 2, 3, 4, 5, 6, 7];
const SHAPE: ModelShape = {
  layerCount: 4,
  hiddenSize: 32,
  intermediateSize: 96,
  headCount: 4,
  kvHeadCount: 2,
  headSize: 8,
  vocabSize: 128,
  mhaParameters: 3000,
  mlpParameters: 9000,
  totalParameters: 52_096,
};
const PLAN = { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 32, rowBucketTokens: 1 };
const QUIET = { onProgress: () => undefined, onWaiting: () => undefined };

/** What an honest worker computes. */
function cellsOf({ base, candidates, baseline, rows }: WireTask): Cell[] {
  return rows.flatMap(({ index, tokenIds }) =>
    (baseline ? [...candidates, null] : candidates).map((candidate) => ({
      mask: base,
      candidate,
      row: index,
      windowSums: new Float64Array(windowCount(tokenIds.length)).fill(index + (candidate ?? 0.5)),
    })),
  );
}

describe('a worker that computes wrong numbers', () => {
  let driver: FleetDriver;
  let table: CellTable;
  let notes: FleetNote[];
  let undecided: string[];
  let port: number;
  const clients: FleetClient[] = [];
  const refusals = new Map<string, string>();

  beforeEach(async () => {
    table = new CellTable(ROWS);
    notes = [];
    undecided = [];
    refusals.clear();
    driver = new FleetDriver({
      runId: 'lies',
      model: { path: '/nowhere', fingerprint: 'model' },
      shape: SHAPE,
      rows: ROWS.map((tokens) => new Int32Array(tokens).fill(1)),
      longestRowTokens: 33,
      microBatchRows: null,
      artifacts: null,
      leaseMs: 60_000,
      mixedClasses: false,
      remote: true,
      seed: 1,
      logger: createLogger({ level: 'error', format: 'json', stream: new PassThrough().resume() }),
      onCells: (cells) => cells.forEach((cell) => table.add(cell)),
      onCorrected: (cells) => cells.forEach((cell) => table.replace(cell)),
      onNote: (note) => notes.push(note),
      onUndecided: (cell) => undecided.push(cellKey(cell)),
    });
    port = await driver.listen('127.0.0.1', 0, {});
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await driver.close(true);
  });

  /** A worker over a real connection. @param lie is added to its numbers */
  function join(name: string, lie = 0): void {
    const client = new FleetClient({
      address: `127.0.0.1:${port}`,
      hello: () => ({
        kind: 'hello',
        protocolMin: PROTOCOL_VERSION,
        protocolMax: PROTOCOL_VERSION,
        workerId: name,
        name,
        numericClass: 'one and the same',
        device: 'cpu',
        memoryBytes: 2 ** 30,
        threads: 1,
        version: '0.1.0',
      }),
      handlers: {
        onMessage: (message) => {
          if (message.kind === 'welcome')
            client.send({
              kind: 'ready',
              modelFingerprint: 'model',
              shapePlan: PLAN,
              peakFlopsPerSecond: 1e9,
            });
          if (message.kind !== 'assign') return;
          const { taskId } = message.task;
          const cells = cellsOf(message.task).map((cell) => ({
            ...cell,
            windowSums: cell.windowSums.map((sum) => sum + lie),
          }));
          client.send({ kind: 'cells', taskId, cells });
          client.send({ kind: 'taskDone', taskId, computeSeconds: 0.01 });
        },
        onClosed: (reason) => {
          if (reason.kind === 'refused') refusals.set(name, reason.reason);
        },
      },
    });
    clients.push(client);
    client.connect();
  }

  async function evaluate(): Promise<void> {
    const sweep = { base: [], candidates: CANDIDATES, baseline: true };
    await driver.evaluate(wholeSweep(sweep, [0, 1], table), (id) => !table.has(id), QUIET);
    await driver.confirm([], CANDIDATES, QUIET);
  }

  function expectTruth(): void {
    for (const row of [0, 1])
      for (const candidate of CANDIDATES)
        expect(table.rowMean({ mask: [], candidate, row })).toBe((2 * (row + candidate)) / 32);
  }

  it('is named, refused for good, and none of its numbers stays', async () => {
    for (const name of ['honest-1', 'liar', 'honest-2']) join(name, name === 'liar' ? 1e-9 : 0);
    await expect.poll(() => driver.readyCount).toBe(3);
    await evaluate();
    expectTruth();
    await expect.poll(() => refusals.get('liar')).toMatch(/worker liar computed candidate .* differently/);
    expect(notes.filter(({ kind }) => kind === 'worker-convicted')).toMatchObject([{ workerId: 'liar' }]);
    expect(driver.readyCount).toBe(2);
    join('liar', 1e-9);
    await expect.poll(() => driver.readyCount).toBe(2);
  });

  it('is not believed before a third worker has come to decide', async () => {
    join('liar', 1);
    await expect.poll(() => driver.readyCount).toBe(1);
    join('honest-1');
    await expect.poll(() => driver.readyCount).toBe(2);
    let isOver = false;
    const evaluated = evaluate().then(() => (isOver = true));
    await expect.poll(() => undecided.length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(isOver).toBe(false);
    join('honest-2');
    await evaluated;
    expectTruth();
    expect([...refusals.keys()]).toEqual(['liar']);
  });
});

import { openCheckpoint, type Checkpoint } from '@blockpruner/checkpoint';
import type { GraphOptions } from '@blockpruner/graph';
import { temporaryFolder, TINY_MODELS, tinyReferenceRows, writeTinyModel } from '@blockpruner/testkit';
import type { TemporaryFolder, TinyModelName } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphRunner, stageInput } from './graph-runner.ts';

/** Of one token and of a row's mean: what another order of the same fp32 sums moves. */
const ATTENTION_TOLERANCE_NATS = { token: 3e-5, row: 3e-6 };
/** fp16 keeps 13 bits less than fp32 and moves these random models by 2^13 times what a reordering does. */
const FP16_TOLERANCE_NATS = { token: 0.1, row: 0.01 };
const ALL_GATES = Array.from({ length: 8 }, () => true);

describe.each(Object.keys(TINY_MODELS) as TinyModelName[])('%s', (name) => {
  const [first, second, short, shortest, long] = tinyReferenceRows(name);
  const microBatches = [[first, second], [short], [shortest], [long]];
  let folder: TemporaryFolder;
  let checkpoint: Checkpoint;
  let whole: GraphRunner;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeTinyModel(folder.path, TINY_MODELS[name]);
    checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
    whole = await GraphRunner.load(checkpoint);
  });
  afterAll(async () => {
    await whole.close();
    folder.remove();
  });

  /** Compares another graph with the plain one on the dense model and every candidate. */
  const largestDifferences = async (
    options: Partial<GraphOptions>,
  ): Promise<{ token: number; row: number }> => {
    const other = await GraphRunner.load(checkpoint, options);
    const largest = { token: 0, row: 0 };
    for (const rows of microBatches) {
      const run = { ...stageInput(checkpoint, rows), fork: ALL_GATES };
      const { nll: expected } = await whole.run(run);
      const { nll: actual } = await other.run(run);
      expect(actual).toHaveLength(9 * run.targets.length);
      const differences = Array.from(expected, (value, i) => actual[i] - value);
      largest.token = Math.max(largest.token, ...differences.map(Math.abs));
      for (let start = 0; start < differences.length; start += run.tokens) {
        const row = differences.slice(start, start + run.tokens);
        const mean = row.reduce((sum, value) => sum + value, 0) / run.tokens;
        largest.row = Math.max(largest.row, Math.abs(mean));
      }
    }
    await other.close();
    const [token, row] = [largest.token, largest.row].map((value) => value.toExponential(2));
    const variant = [options.dtype, options.attention].join(' ').trim();
    process.stdout.write(`${name}: ${variant} differs by up to ${token} nats a token, ${row} a row\n`);
    return largest;
  };

  it('forks whole layers to the bits of a pass without both blocks, behind the forks of each', async () => {
    for (const rows of microBatches) {
      const input = stageInput(checkpoint, rows);
      const forkLayer = [true, true, false, true];
      const forked = await whole.run({ ...input, fork: ALL_GATES, forkLayer });
      const groups: number[][] = [[]];
      for (let layer = 0; layer < 4; layer++) {
        groups.push([2 * layer], [2 * layer + 1]);
        if (forkLayer[layer]) groups.push([2 * layer, 2 * layer + 1]);
      }
      expect(forked.nll).toHaveLength(groups.length * input.targets.length);
      for (const [group, removed] of groups.entries()) {
        const keep = ALL_GATES.map((_, block) => !removed.includes(block));
        const alone = await whole.run({ ...input, keep });
        const title = `without ${removed.join(' and ')}`;
        expect(part(forked.nll, group, groups.length), title).toEqual(alone.nll);
        expect(part(forked.hidden, group, groups.length), title).toEqual(alone.hidden);
      }
    }
  });

  it.each([[[0, 4, 8]], [[0, 2, 4, 6, 8]]])('gives the same bits cut into stages at %o', async (cuts) => {
    const stages: GraphRunner[] = [];
    for (let i = 1; i < cuts.length; i++) {
      stages.push(await GraphRunner.load(checkpoint, { stage: { start: cuts[i - 1], end: cuts[i] } }));
    }
    for (const rows of microBatches) {
      const input = stageInput(checkpoint, rows);
      const keep = ALL_GATES.map((_, block) => block !== 3);
      const fork = ALL_GATES.map((_, block) => block !== 3 && block !== 7);
      const forkLayer = [true, false, true, true];
      const expected = await whole.run({ ...input, keep, fork, forkLayer });

      let { x } = input;
      for (const [i, stage] of stages.entries()) {
        const { start, end } = stage.options.stage;
        const isLast = i === stages.length - 1;
        const { hidden, nll } = await stage.run({
          ...input,
          x,
          targets: isLast ? input.targets : undefined,
          keep: keep.slice(start, end),
          fork: fork.slice(start, end),
          forkLayer: forkLayer.slice(start / 2, end / 2),
        });
        expect(nll).toEqual(isLast ? expected.nll : new Float32Array());
        x = hidden;
      }
      expect(x).toEqual(expected.hidden);
    }
    await Promise.all(stages.map((stage) => stage.close()));
  });

  it('gives nearly the same numbers by multi-head as by grouped attention', async () => {
    const { token, row } = await largestDifferences({ attention: 'multi-head' });
    expect(token).toBeLessThan(ATTENTION_TOLERANCE_NATS.token);
    expect(row).toBeLessThan(ATTENTION_TOLERANCE_NATS.row);
  });

  it.each(['grouped', 'multi-head'] as const)(
    'stays close to fp32 in fp16 with %s attention',
    async (attention) => {
      const { token, row } = await largestDifferences({ dtype: 'float16', attention });
      expect(token).toBeGreaterThan(1e-3);
      expect(token).toBeLessThan(FP16_TOLERANCE_NATS.token);
      expect(row).toBeLessThan(FP16_TOLERANCE_NATS.row);
    },
  );
});

it('builds bf16 graphs that onnxruntime finds sound, and that the CPU only lacks kernels for', async () => {
  const folder = temporaryFolder();
  await writeTinyModel(folder.path, TINY_MODELS['mistral-window']);
  const checkpoint = await openCheckpoint(folder.path, { cacheFolder: folder.path });
  for (const attention of ['grouped', 'multi-head'] as const) {
    await expect(GraphRunner.load(checkpoint, { dtype: 'bfloat16', attention })).rejects.toThrow(
      /^Could not find an implementation for Gemm\(13\)/,
    );
  }
  folder.remove();
});

function part(values: Float32Array, group: number, groups: number): Float32Array {
  const size = values.length / groups;
  return values.slice(group * size, (group + 1) * size);
}

import { globSync } from 'node:fs';
import { join } from 'node:path';
import { GPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { CHECKPOINT_CACHE, smollm2Golden, SMOLLM2_GGUF, temporaryFolder } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { DEVICE } from './device.ts';
import { evaluate } from './evaluate.ts';
import { placedNodes, type PlacedNode } from './node-placement.ts';

/** Shapes, gates and loop counters of a model of a hundred layers fit; one row's activations do not. */
const LARGEST_SHAPE_BYTES = 4096;
/** They hold the graphs that hold the work. */
const CONTROL_FLOW = ['If', 'Loop'];
const PROVIDER = DEVICE === 'cpu' ? 'CPUExecutionProvider' : 'CUDAExecutionProvider';

const list = (nodes: readonly PlacedNode[]): string[] => {
  const counts = new Map<string, { count: number; bytes: number }>();
  for (const { op, provider, bytes } of nodes) {
    const key = `${op} on ${provider}`;
    const { count = 0, bytes: most = 0 } = counts.get(key) ?? {};
    counts.set(key, { count: count + 1, bytes: Math.max(most, bytes) });
  }
  return [...counts]
    .map(([key, { count, bytes }]) => `${key}: ${count} times, at most ${bytes} bytes`)
    .sort();
};

it.each(['fp32', 'fp16', 'bf16'] as const)(
  'leaves nothing but shapes to the CPU, and copies no activations, in %s',
  async (dtype) => {
    const folder = temporaryFolder();
    const sweep = { base: [17], candidates: [0, 13, 33, 59], baseline: true };
    const round = { rows: smollm2Golden().token_ids.slice(0, 1), sweep, plan: GPU_SHAPE_PLAN };
    await evaluate({
      modelPath: SMOLLM2_GGUF,
      cacheFolder: CHECKPOINT_CACHE,
      device: DEVICE,
      dtype,
      rounds: [round],
      profileFilePrefix: join(folder.path, 'profile'),
    });
    const files = globSync(`${folder.path}/profile*`);
    expect(files).toHaveLength(1);
    const nodes = placedNodes(files[0]);
    folder.remove();

    const copies = nodes.filter(({ op }) => op.startsWith('Memcpy'));
    const elsewhere = nodes.filter(({ provider, op }) => provider !== PROVIDER && !CONTROL_FLOW.includes(op));
    process.stdout.write(`${dtype}: ${nodes.length} node runs, ${copies.length} copies\n`);
    for (const line of list([...elsewhere, ...copies])) process.stdout.write(`  ${line}\n`);
    expect(nodes.filter(({ provider }) => provider === PROVIDER).length).toBeGreaterThan(100);
    expect(list(copies.filter(({ bytes }) => bytes > LARGEST_SHAPE_BYTES))).toEqual([]);
    expect(list(elsewhere.filter(({ bytes }) => bytes > LARGEST_SHAPE_BYTES))).toEqual([]);
  },
);

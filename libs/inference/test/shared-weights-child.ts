/** Loads a model with shared weights, evaluates a sweep, prints what came out and its memory, and waits to be ended. */
import { readFileSync } from 'node:fs';
import { CPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { openCheckpoint } from '@blockpruner/checkpoint';
import type { Cell } from '@blockpruner/perplexity';
import { SweepEvaluator } from '../src/index.ts';

const [modelPath, cacheFolder, shared] = process.argv.slice(2);
const before = privateBytes();
const checkpoint = await openCheckpoint(modelPath, { cacheFolder });
const notes: string[] = [];
const evaluator = await SweepEvaluator.load(checkpoint, {
  device: 'cpu',
  threads: 1,
  sharedWeightsFolder: shared === 'own' ? undefined : shared,
  onNotShared: (reason) => notes.push(reason),
});
const row = { index: 0, tokenIds: Int32Array.from({ length: 80 }, (_, i) => (i * 37) % 300) };
const sums: number[] = [];
const onCells = (cells: Cell[]): void => cells.forEach((cell) => sums.push(...cell.windowSums));
await evaluator.evaluate(
  { base: [3], candidates: [0, 2, 6], baseline: true },
  [row],
  CPU_SHAPE_PLAN,
  onCells,
);
process.stdout.write(
  `${JSON.stringify({ sums, notes, privateBytes: privateBytes() - before, ...mapped() })}\n`,
);
process.stdin.resume();
// Held until then: an evaluator that nobody needs is collected, and its mapping with it.
process.stdin.on('end', () => void evaluator.close().then(() => process.exit(0)));

/** Memory that is this process's alone. */
function privateBytes(): number {
  return sumOf('/proc/self/smaps_rollup', /^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm);
}

/** What is mapped of the shared file, and how much of that others map too. */
function mapped(): { weightsResidentBytes: number; weightsSharedBytes: number } {
  const maps = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  const ours = maps.filter((map) => map.includes('weights.bin')).join('\n');
  const sum = (field: RegExp): number =>
    [...ours.matchAll(field)].reduce((all, [, kb]) => all + Number(kb) * 1024, 0);
  return {
    weightsResidentBytes: sum(/^Rss:\s+(\d+) kB$/gm),
    weightsSharedBytes: sum(/^Shared_(?:Clean|Dirty):\s+(\d+) kB$/gm),
  };
}

function sumOf(path: string, field: RegExp): number {
  return [...readFileSync(path, 'utf8').matchAll(field)].reduce((all, [, kb]) => all + Number(kb) * 1024, 0);
}

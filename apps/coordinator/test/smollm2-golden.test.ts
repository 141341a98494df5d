import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CHECKPOINT_CACHE, smollm2Golden, SMOLLM2_GGUF, temporaryFolder } from '@blockpruner/testkit';
import { expect, it } from 'vitest';

const BLOCKPRUNER = join(import.meta.dirname, '../bin/blockpruner');
const ANY_CANDIDATE_NATS = 5e-5;
const CLOSE_CANDIDATE_NATS = 5e-6;
const CLOSE_TO_THE_BEST_NATS = 0.1;

interface IterationLine {
  readonly removed: string;
  readonly candidates: readonly { readonly block: string; readonly score: number }[];
}

it(
  'removes from SmolLM2 the blocks that an independent PyTorch search removes, with its scores',
  { timeout: 30 * 60_000 },
  async () => {
    const golden = smollm2Golden();
    const folder = temporaryFolder();
    const rows = join(folder.path, 'rows.json');
    const run = join(folder.path, 'run');
    await writeFile(rows, JSON.stringify(golden.token_ids));
    const args = ['prune', '--model', SMOLLM2_GGUF, '--cache-dir', CHECKPOINT_CACHE, '--calibration', rows];
    args.push('--remove', String(golden.iterations.length), '--search', 'exhaustive');
    args.push('--workers', 'local:2', '--output', run);
    await promisify(execFile)(BLOCKPRUNER, args, { maxBuffer: 2 ** 26 });

    const text = await readFile(join(run, 'iterations.jsonl'), 'utf8');
    const iterations = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as IterationLine);
    expect(iterations.map(({ removed }) => removed)).toEqual(golden.iterations.map(({ removed }) => removed));
    let largest = 0;
    let largestClose = 0;
    golden.iterations.forEach((expected, i) => {
      const ours = new Map(iterations[i].candidates.map(({ block, score }) => [block, score]));
      expect(ours.size).toBe(expected.candidates.length);
      for (const { block, score } of expected.candidates) {
        const difference = Math.abs(score - (ours.get(block) ?? NaN));
        largest = Math.max(largest, difference);
        if (score - expected.score < CLOSE_TO_THE_BEST_NATS)
          largestClose = Math.max(largestClose, difference);
      }
    });
    process.stdout.write(
      `largest difference to PyTorch: ${largest.toExponential(2)} nats, ${largestClose.toExponential(2)} among candidates close to the best\n`,
    );
    expect(largest).toBeLessThan(ANY_CANDIDATE_NATS);
    expect(largestClose).toBeLessThan(CLOSE_CANDIDATE_NATS);
    const order = JSON.parse(await readFile(join(run, 'removal-order.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(order['1']).toEqual([['mha', 17]]);
    expect(order['4']).toEqual([
      ['mha', 17],
      ['mlp', 17],
      ['mha', 22],
      ['mha', 29],
    ]);
    folder.remove();
  },
);

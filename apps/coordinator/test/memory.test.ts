import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerMemory } from '@blockpruner/blocks';
import {
  CHECKPOINT_CACHE,
  descendants,
  SMOLLM2_GGUF,
  temporaryFolder,
  type TemporaryFolder,
} from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, start, type Command } from './command.ts';

const TOLERANCE = 0.15;
const CPU_ONLY = { CUDA_VISIBLE_DEVICES: '' };

/** The largest resident set that each process has had, summed over the workers below a command. */
async function peakBytes(command: Command): Promise<number> {
  const peaks = new Map<number, number>();
  let isOver = false;
  void command.ended.then(() => (isOver = true));
  while (!isOver) {
    for (const pid of descendants(command.pid)) {
      const kb = /^VmHWM:\s+(\d+) kB$/m.exec(statusOf(pid))?.[1];
      if (kb !== undefined) peaks.set(pid, Number(kb) * 1024);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return [...peaks.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

describe('the memory of a worker on SmolLM2', () => {
  let folder: TemporaryFolder;

  beforeAll(() => {
    folder = temporaryFolder();
    for (const [name, rows, tokens] of [
      ['one-long.json', 1, 1024],
      ['four.json', 4, 256],
    ] as const) {
      const ids = Array.from({ length: rows }, (_, row) =>
        Array.from({ length: tokens }, (_, i) => (i * 7919 + row * 31) % 49_000),
      );
      writeFileSync(join(folder.path, name), JSON.stringify(ids));
    }
  });
  afterAll(() => folder.remove());

  it.each([
    ['one row of 1024 tokens', ['--calibration', 'one-long.json', '--block-type', 'mha']],
    [
      'four rows of 256 tokens together',
      ['--calibration', 'four.json', '--block-type', 'mlp', '--micro-batch', '4'],
    ],
  ])('is near what --dry-run says: %s', { timeout: 300_000 }, async (name, options) => {
    const inputs = ['--model', SMOLLM2_GGUF, '--cache-dir', CHECKPOINT_CACHE, '--workers', 'local:1'];
    const args = ['prune', ...inputs, ...options, '--remove', '1', '--output', name.replaceAll(' ', '-')];
    const dry = await run([...args, '--dry-run', '--json'], folder.path, CPU_ONLY);
    const { memoryPerWorker } = JSON.parse(dry.stdout) as { memoryPerWorker: WorkerMemory };
    const { totalBytes } = memoryPerWorker;

    // With no more than that, no residual streams are kept for later, which the formula does not count.
    const command = start([...args, '--memory-limit', String(totalBytes)], folder.path, CPU_ONLY);
    const peak = await peakBytes(command);
    expect((await command.ended).code).toBe(0);
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
    process.stdout.write(`${name}: ${mib(totalBytes)} MiB by the formula, ${mib(peak)} MiB at the peak\n`);
    expect(Math.abs(peak / totalBytes - 1)).toBeLessThan(TOLERANCE);
  });
});

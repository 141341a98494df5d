import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchRatios, BenchResult } from '../src/bench-report.ts';
import { errorLine, PRUNE, run, workspace } from './command.ts';

interface Printed {
  readonly rounds: number;
  readonly models: readonly (BenchResult & { readonly ratios: BenchRatios })[];
}

describe('blockpruner bench', { timeout: 60_000 }, () => {
  const SMALL = ['--prompt-tokens', '40', '--new-tokens', '4', '--rounds', '2', '--threads', '1'];
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    const search = ['--remove', '2', '--block-type', 'mha', '--output', 'run', '--workers', 'local:1'];
    expect((await run([...PRUNE, ...search], folder.path)).code).toBe(0);
  }, 60_000);
  afterAll(() => folder.remove());

  it('holds the models of a run against the dense one', async () => {
    const { stdout, code } = await run(['bench', 'run@0', 'run@2', '--json', ...SMALL], folder.path);
    expect(code).toBe(0);
    const { rounds, models } = JSON.parse(stdout) as Printed;
    expect(rounds).toBe(2);
    const [dense, pruned] = models;
    expect([dense.model, pruned.model]).toEqual(['run@0', 'run@2']);
    for (const figure of Object.values(dense.ratios)) expect(figure).toBe(1);
    expect(dense.cacheBytesPerToken).toBe(4 * 2 * 2 * 32 * 4);
    expect(pruned.ratios.cacheBytesPerToken).toBe(0.5);
    expect(pruned.ratios.weightBytes).toBeLessThan(1);
    expect(pruned.decodeTokensPerSecond).toBeGreaterThan(0);
    expect(pruned.firstTokenSeconds).toBeGreaterThan(0);
  });

  it('prints a line a model', async () => {
    const { stdout } = await run(['bench', 'model', 'run@1', ...SMALL], folder.path);
    expect(stdout.trimEnd().split('\n')).toHaveLength(4);
    expect(stdout).toMatch(/\| run@1 +\|.*x\) \|/);
  });

  it.each([
    ['nowhere', 1, /nowhere does not exist: name a Hugging Face folder or a \.gguf file/],
    ['run@7', 2, /^run has models of 0 to 2 removed blocks, not of 7/],
  ])('looks at all names before it loads a model: %s', async (second, code, reason) => {
    const ended = await run(['bench', 'model', second, ...SMALL], folder.path);
    expect(errorLine(ended)).toMatch(reason);
    expect(ended.code).toBe(code);
    expect(ended.stderr).not.toContain('model loaded');
  });

  it('looks at the names on the disk before it asks the hub', async () => {
    const models = ['org/absent', 'nowhere'];
    const ended = await run(['bench', ...models, ...SMALL], folder.path, { HF_HUB_OFFLINE: '1' });
    expect(errorLine(ended)).toMatch(/nowhere does not exist/);
    expect(ended.stderr).not.toContain('asking the hub');
  });

  it.each([
    [
      ['bench', 'model', '--prompt-tokens', '600'],
      /^the prompt has 600 tokens and the model's context holds 512/,
    ],
    [
      ['bench', 'model', '--prompt-tokens', '500', '--new-tokens', '20'],
      /^521 tokens do not fit the model's context of 512/,
    ],
    [['bench', 'model', '--rounds', '0'], /^--rounds must be a whole number from 1 to 999/],
  ])('refuses %j', async (args, reason) => {
    const ended = await run(args, folder.path);
    expect(errorLine(ended)).toMatch(reason);
    expect(ended.code).toBe(2);
  });
});

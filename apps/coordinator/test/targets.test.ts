import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, workspace, type Ended } from './command.ts';

interface Result {
  readonly decisions: readonly {
    readonly removed: string;
    readonly perplexity: number;
    readonly parametersRemoved: number;
    readonly ratio: number;
  }[];
  readonly mask: string;
  readonly dense: { readonly score: number; readonly perplexity: number };
  readonly start?: { readonly score: number };
  readonly pruned: { readonly score: number };
  readonly parametersRemoved: number;
  readonly totalParameters: number;
  readonly stopped?: object;
}

describe('a search with targets and constraints', () => {
  let folder: TemporaryFolder;
  /** All blocks of the model, in the order of the search. */
  let all: Result;

  const prune = (output: string, ...options: string[]): Promise<Ended> =>
    run([...PRUNE, '--workers', 'local:1', '--output', output, ...options], folder.path);
  const resultOf = (name: string): Result => JSON.parse(read(folder, `${name}/result.json`)) as Result;
  const removedBy = (name: string): string[] => resultOf(name).decisions.map(({ removed }) => removed);

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    expect((await prune('all', '--remove', '8')).code).toBe(0);
    all = resultOf('all');
  });
  afterAll(() => folder.remove());

  const order = (count: number): string[] => all.decisions.slice(0, count).map(({ removed }) => removed);

  it('says after each decision how much is gone', () => {
    const last = all.decisions[7];
    expect([last.parametersRemoved, last.ratio]).toEqual([
      all.parametersRemoved,
      all.parametersRemoved / all.totalParameters,
    ]);
  });

  it('removes the fewest blocks that leave at most so many parameters', async () => {
    const left = all.totalParameters - all.decisions[2].parametersRemoved;
    expect((await prune('target', '--target-params', String(left))).code).toBe(0);
    expect(removedBy('target')).toEqual(order(3));
    expect(resultOf('target')).not.toHaveProperty('stopped');
  });

  it('stops before the decision that would go beyond the limit, and says so everywhere', async () => {
    const { decisions } = all;
    const rising = decisions.findIndex(
      ({ perplexity }, i) =>
        i > 0 && perplexity > Math.max(...decisions.slice(0, i).map((each) => each.perplexity)),
    );
    const most = Math.max(...decisions.slice(0, rising).map(({ perplexity }) => perplexity));
    const limit = (most + decisions[rising].perplexity) / 2;
    const ended = await prune('limit', '--max-perplexity', String(limit));
    expect(ended.code).toBe(0);
    expect(removedBy('limit')).toEqual(order(rising));
    const stopped = {
      reason: 'limit',
      block: decisions[rising].removed,
      perplexity: decisions[rising].perplexity,
      limitPerplexity: limit,
    };
    expect(resultOf('limit').stopped).toEqual(stopped);
    const said = `the limit is met: without ${stopped.block} too the perplexity would be ${stopped.perplexity.toFixed(4)}, above ${limit.toFixed(4)}`;
    expect(ended.stderr).toContain(said);
    expect(ended.stdout).toContain(said);
    expect((await run(['status', 'limit'], folder.path)).stdout).toContain(said);
    const again = await run(['resume', 'limit'], folder.path);
    expect([again.code, again.stdout]).toEqual([0, ended.stdout]);

    const both = await prune('both', '--remove', '1', '--max-increase', '900%');
    expect(both.code).toBe(0);
    expect(resultOf('both').stopped).toEqual({ reason: 'goal' });
    expect(both.stdout).toContain('the goal is met: 1 block\n');
  });

  it('may remove nothing at all', async () => {
    const ended = await prune('none', '--max-perplexity', '1.5', '--start-mask', 'mha.3');
    expect(ended.code).toBe(0);
    expect(resultOf('none')).toMatchObject({ decisions: [], mask: 'mha.3', stopped: { reason: 'limit' } });
    expect(resultOf('none').pruned.score).toBe(resultOf('none').start?.score);
  });

  it('keeps what is to be kept, and begins with what is gone already', async () => {
    const [first] = order(1);
    const keep = order(2)[1];
    const layer = [0, 1, 2, 3].find((each) => !first.endsWith(String(each)));
    const kept = `${keep},layer.${layer}`;
    const ended = await prune('kept', '--remove', '3', '--start-mask', first, '--keep', kept);
    expect(ended.code).toBe(0);
    const { mask, start, decisions } = resultOf('kept');
    expect(decisions).toHaveLength(3);
    expect(mask.split('+')).toContain(first);
    for (const block of [keep, `mha.${layer}`, `mlp.${layer}`]) expect(mask.split('+')).not.toContain(block);
    expect(start?.score).toBe(Math.log(all.decisions[0].perplexity));
    expect(ended.stdout).toMatch(/\n\| +0 \| \(start\) /);
    expect(ended.stdout).toContain(`removed 3 blocks beside the start mask ${first} by a race`);
  });

  it('goes on from another search as that one would have', async () => {
    writeFileSync(
      join(folder.path, 'order.json'),
      JSON.stringify({ 1: [], 2: order(2).map((block) => [block.slice(0, 3), Number(block.slice(4))]) }),
    );
    expect((await prune('further', '--remove', '2', '--start-mask', 'order.json')).code).toBe(0);
    expect(removedBy('further')).toEqual(order(4).slice(2));
    expect(JSON.parse(read(folder, 'further/removal-order.json'))).toMatchObject({
      4: (JSON.parse(read(folder, 'all/removal-order.json')) as Record<string, object>)[4],
    });
    expect(read(folder, 'further/config.yaml')).toContain(
      `start-mask:\n  - ${resultOf('target').mask.split('+')[0].slice(0, 2)}`,
    );
  });

  it('ranks by what each parameter costs when asked to', async () => {
    expect((await prune('per-param', '--remove', '1', '--objective', 'score-per-param')).code).toBe(0);
    const [line] = read(folder, 'per-param/iterations.jsonl').trimEnd().split('\n');
    const { removed, margin, candidates } = JSON.parse(line) as {
      removed: string;
      margin: number;
      candidates: { block: string; score: number }[];
    };
    const sizes = { mha: 36_960, mlp: 46_176 };
    const values = candidates
      .map(({ block, score }) => ({
        block,
        value: (1e6 * (score - all.dense.score)) / sizes[block.slice(0, 3) as 'mha' | 'mlp'],
      }))
      .sort((a, b) => a.value - b.value);
    expect(removed).toBe(values[0].block);
    expect(margin).toBeCloseTo(values[1].value - values[0].value, 9);
  });

  it('goes together with several texts, held-out text, an extension and a verification', async () => {
    const rows = JSON.parse(read(folder, 'rows.json')) as number[][];
    const files = { a: rows.slice(0, 2), b: rows.slice(2, 4), c: rows.slice(4) };
    for (const [name, part] of Object.entries(files))
      writeFileSync(join(folder.path, `${name}.json`), JSON.stringify(part));
    const texts = ['--calibration', 'a.json:3', '--calibration', 'b.json:1', '--held-out', 'c.json'];
    const constraints = ['--start-mask', 'mha.3', '--keep', 'layer.0', '--objective', 'score-per-param'];
    const options = ['prune', '--model', 'model', ...texts, ...constraints, '--workers', 'local:1'];
    const searched = async (output: string, remove: string): Promise<Ended> =>
      run([...options, '--remove', remove, '--output', output], folder.path);
    expect((await searched('together', '1')).code).toBe(0);
    expect((await run(['resume', 'together', '--remove', '3'], folder.path)).code).toBe(0);
    const straight = await searched('straight', '3');
    expect(read(folder, 'together/result.json')).toBe(read(folder, 'straight/result.json'));
    const start = { heldOut: { perplexity: expect.any(Number) as number } };
    expect(resultOf('together')).toMatchObject({ dense: start, start, pruned: start });
    expect(straight.stdout).toMatch(/\| \(start\) +\|/);
    const verified = await run(['verify', 'together', '--workers', 'local:1'], folder.path);
    expect(verified.stdout).toContain(
      '3 of 3 iterations agree; largest regret 0 nats per million parameters',
    );
    expect(verified.code).toBe(0);
  });

  it('shows in a dry run what is kept and what is gone from the start', async () => {
    const dry = ['--dry-run', '--ratio', '0.4', '--keep', 'layer.0', '--start-mask', 'mha.3'];
    const ended = await prune('dry', ...dry);
    expect(ended.stdout).toMatch(/^until +ratio 0\.4$/m);
    expect(ended.stdout).toMatch(/^kept +mha\.0\+mlp\.0$/m);
    expect(ended.stdout).toMatch(/^start mask +mha\.3$/m);
    expect(existsSync(join(folder.path, 'dry'))).toBe(false);
  });

  describe('pick', () => {
    const pick = async (...options: string[]): Promise<Record<string, unknown>> => {
      const ended = await run(['pick', 'all', '--json', ...options], folder.path);
      expect(ended.code).toBe(0);
      return JSON.parse(ended.stdout) as Record<string, unknown>;
    };

    it('gives what a search with that goal gives', async () => {
      const { mask, pruned, parametersRemoved, dense } = resultOf('target');
      const left = all.totalParameters - parametersRemoved;
      expect(await pick('--target-params', String(left))).toMatchObject({
        decisions: 3,
        mask,
        score: pruned.score,
        parametersRemoved,
        parametersLeft: left,
        dense: { score: dense.score },
      });
      const limited = resultOf('limit') as unknown as { stopped: { limitPerplexity: number }; mask: string };
      const { limitPerplexity } = limited.stopped;
      const picked = await pick('--max-perplexity', String(limitPerplexity));
      expect(picked).toMatchObject({ mask: limited.mask, stopped: limited.stopped });
      const own = await run(
        ['pick', 'limit', '--json', '--max-perplexity', String(limitPerplexity)],
        folder.path,
      );
      expect(JSON.parse(own.stdout)).toMatchObject({ mask: limited.mask, stopped: limited.stopped });
    });

    it('writes a list that a search can begin with, never over another file', async () => {
      const picking = ['pick', 'all', '--remove', '2', '--output', 'two.json'];
      const ended = await run(picking, folder.path);
      expect(ended.stdout).toContain(`mask: ${String((await pick('--remove', '2')).mask)}\n`);
      expect((await prune('from-pick', '--remove', '1', '--start-mask', 'two.json')).code).toBe(0);
      expect(removedBy('from-pick')).toEqual([order(3)[2]]);
      const again = await run(picking, folder.path);
      expect([again.code, errorLine(again)]).toEqual([
        2,
        '--output two.json cannot be written: EEXIST; name a new file',
      ]);
    });

    it('says how far the run goes, and how it goes further', async () => {
      const ended = await run(['pick', 'target', '--ratio', '0.7'], folder.path);
      expect(ended.code).toBe(2);
      expect(errorLine(ended)).toMatch(
        /^target does not go so far as --ratio 0\.7: it has 3 decisions, ratio 0\.\d+, perplexity \d+\.\d{4}; extend it with: blockpruner resume target --ratio 0\.7$/,
      );
    });
  });
});

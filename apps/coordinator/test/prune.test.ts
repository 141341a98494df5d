import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, start, workspace } from './command.ts';

interface Result {
  readonly decisions: readonly { readonly removed: string; readonly score: number }[];
  readonly mask: string;
  readonly ratio: number;
  readonly parametersRemoved: number;
  readonly totalParameters: number;
  readonly pruned: { readonly score: number };
  readonly dense: { readonly score: number };
}

describe('prune', () => {
  let folder: TemporaryFolder;
  let stdout: string;
  let stderr: string;

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    const ended = await run(
      [...PRUNE, '--remove', '4', '--workers', 'local:2', '--output', 'two'],
      folder.path,
    );
    expect(ended.code).toBe(0);
    ({ stdout, stderr } = ended);
  });
  afterAll(() => folder.remove());

  const result = (name: string): Result => JSON.parse(read(folder, `${name}/result.json`)) as Result;

  it('prints a table and the run folder on stdout, and only log lines on stderr', () => {
    expect(stdout).toMatch(
      /^\| iteration \| removed .*\n(\|.*\n){6}\nremoved 4 blocks by a race of confidence 0\.95, .*\nrun folder: two\n$/,
    );
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
  });

  it('logs one iteration line a decision, with what was decided and what it cost', () => {
    const lines = read(folder, 'two/log.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const iterations = lines.filter(({ msg }) => msg === 'iteration');
    expect(iterations.map(({ iteration, removed }) => [iteration, removed])).toEqual(
      result('two').decisions.map(({ removed }, i) => [i + 1, removed]),
    );
    expect(iterations[0]).toMatchObject({ candidates: 8, rows: 5, retries: 0 });
    expect([1, 2]).toContain(iterations[0].workers);
    expect(iterations[3]).toMatchObject({ candidates: 5, etaSeconds: 0, ratio: result('two').ratio });
    const speeds = iterations.map(({ flopsPerSecond, mfuPercent }) => ({ flopsPerSecond, mfuPercent }));
    for (const { flopsPerSecond } of speeds) expect(flopsPerSecond).toBeGreaterThan(0);
    expect(JSON.parse(read(folder, 'two/stats.json'))).toMatchObject({ speedPerIteration: speeds });
    expect(iterations[1].deltaNats).toBe(result('two').decisions[1].score - result('two').dense.score);
  });

  it('gives the same result.json, byte for byte, with one worker, with two, and with workers that dial from elsewhere', async () => {
    const one = await run(
      [...PRUNE, '--remove', '4', '--workers', 'local:1', '--output', 'one'],
      folder.path,
    );
    expect(one.code).toBe(0);
    expect(read(folder, 'one/result.json')).toBe(read(folder, 'two/result.json'));

    const port = await freePort();
    const remote = start(
      [...PRUNE, '--remove', '4', '--listen', `127.0.0.1:${port}`, '--output', 'remote'],
      folder.path,
    );
    await remote.says(`blockpruner worker --connect 127.0.0.1:${port}`);
    const workers = [1, 2].map(() => start(['worker', '--connect', `127.0.0.1:${port}`], folder.path));
    expect((await remote.ended).code).toBe(0);
    for (const worker of workers) {
      worker.kill('SIGINT');
      expect((await worker.ended).code).toBe(130);
    }
    expect(read(folder, 'remote/result.json')).toBe(read(folder, 'two/result.json'));
  });

  it('leaves scores that score reproduces to the last digit', async () => {
    const { mask, pruned, dense } = result('two');
    const ended = await run(
      [
        'score',
        '--model',
        'model',
        '--calibration',
        'rows.json',
        '--mask',
        mask,
        '--workers',
        'local:1',
        '--json',
      ],
      folder.path,
    );
    const scored = JSON.parse(ended.stdout) as {
      dense: { score: number };
      masks: { mask: string; score: number }[];
    };
    expect(scored.dense.score).toBe(dense.score);
    expect(scored.masks).toEqual([expect.objectContaining({ mask, score: pruned.score })]);
  });

  it('writes the removal order in the format of the reference, and every candidate of every iteration', () => {
    const order = JSON.parse(read(folder, 'two/removal-order.json')) as Record<string, [string, number][]>;
    expect(Object.keys(order)).toEqual(['1', '2', '3', '4']);
    expect(order['4'].map(([kind, layer]) => `${kind}.${layer}`).join('+')).toBe(result('two').mask);
    const iterations = read(folder, 'two/iterations.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { candidates: object[] });
    expect(iterations.map(({ candidates }) => candidates.length)).toEqual([8, 7, 6, 5]);
  });

  it.each(['mha', 'mlp'])('removes only %s blocks when asked to', async (type) => {
    const args = [...PRUNE, '--remove', '2', '--block-type', type, '--workers', 'local:2', '--output', type];
    expect((await run(args, folder.path)).code).toBe(0);
    expect(result(type).decisions.map(({ removed }) => removed.split('.')[0])).toEqual([type, type]);
  });

  it('removes for a ratio the fewest blocks that reach it, and says how many and how much', async () => {
    const { parametersRemoved, totalParameters, decisions } = result('two');
    const justReached = parametersRemoved / totalParameters;
    const args = [...PRUNE, '--ratio', String(justReached), '--workers', 'local:2', '--output', 'ratio'];
    const ended = await run(args, folder.path);
    expect(result('ratio').decisions.map(({ removed }) => removed)).toEqual(
      decisions.map(({ removed }) => removed),
    );
    expect(ended.stdout).toContain(`removed 4 blocks`);
    expect(ended.stdout).toContain(`ratio ${justReached.toFixed(6)}`);
  });

  it('says what it would do in a dry run, and writes nothing', async () => {
    const ended = await run(
      [...PRUNE, '--remove', '4', '--output', 'dry', '--dry-run', '--json'],
      folder.path,
    );
    expect(JSON.parse(ended.stdout)).toMatchObject({
      candidateEvaluations: { least: 26, most: 26 },
      rows: 5,
      tokens: 340,
    });
    expect(existsSync(join(folder.path, 'dry'))).toBe(false);
  });

  it('prints one line of JSON when asked to', async () => {
    const ended = await run(
      [...PRUNE, '--remove', '1', '--workers', 'local:1', '--output', 'json', '--json'],
      folder.path,
    );
    expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(ended.stdout)).toMatchObject({ schema: 1, folder: join(folder.path, 'json') });
  });

  it('does not touch a folder that holds a run, or anything else', async () => {
    const before = read(folder, 'two/journal.jsonl');
    const taken = await run(
      [...PRUNE, '--remove', '1', '--workers', 'local:1', '--output', 'two'],
      folder.path,
    );
    expect([taken.code, errorLine(taken)]).toEqual([
      1,
      expect.stringContaining('two already holds a run: resume it'),
    ]);
    expect(read(folder, 'two/journal.jsonl')).toBe(before);
    const foreign = await run(
      [...PRUNE, '--remove', '1', '--workers', 'local:1', '--output', 'model'],
      folder.path,
    );
    expect([foreign.code, errorLine(foreign)]).toEqual([1, expect.stringContaining('is not empty')]);
  });
});

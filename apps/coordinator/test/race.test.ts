import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TINY_MODELS, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, start, workspace, workersOf } from './command.ts';

interface Iteration {
  readonly removed: string;
  readonly candidates: readonly {
    readonly block: string;
    readonly rowCount: number;
    readonly dropped?: {
      readonly leader: string;
      readonly difference: number;
      readonly standardError: number;
    };
  }[];
}

const ROWS = 24;

describe('a race', () => {
  let folder: TemporaryFolder;
  let undisturbed: string;

  const prune = (output: string, ...words: string[]): string[] => [
    ...PRUNE,
    ...['--rows', String(ROWS), '--remove', '2', '--output', output, '--confidence', '0.5', ...words],
  ];
  const iterationsOf = (output: string): Iteration[] =>
    read(folder, `${output}/iterations.jsonl`)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Iteration);

  beforeAll(async () => {
    const spec = {
      ...TINY_MODELS['llama-gqa-untied'],
      layerCount: 10,
      hiddenSize: 192,
      intermediateSize: 512,
    };
    folder = await workspace(spec, new Array<number>(ROWS).fill(130));
    expect((await run(prune('undisturbed', '--workers', 'local:2'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  it('drops candidates after some rows, says why, and names itself in the result', () => {
    const result = JSON.parse(undisturbed) as object;
    expect(result).toMatchObject({ search: 'race', confidence: 0.5, seed: 42 });
    for (const { removed, candidates } of iterationsOf('undisturbed')) {
      const dropped = candidates.filter((candidate) => candidate.dropped);
      expect(dropped.length).toBeGreaterThan(0);
      for (const { rowCount, dropped: drop } of dropped) {
        expect(rowCount).toBeLessThan(ROWS);
        expect(drop!.difference).toBeGreaterThan(2 * drop!.standardError);
        expect(drop!.standardError).toBeGreaterThan(0);
      }
      const finalists = candidates.filter((candidate) => !candidate.dropped);
      expect(finalists.every(({ rowCount }) => rowCount === ROWS)).toBe(true);
      expect(finalists.map(({ block }) => block)).toContain(removed);
    }
    const lines = readFileSync(join(folder.path, 'undisturbed/log.jsonl'), 'utf8').split('\n');
    const iterations = lines
      .filter((line) => line.includes('"msg":"iteration"'))
      .map((line) => JSON.parse(line) as { cells: number; candidates: number });
    for (const { cells, candidates } of iterations) expect(cells).toBeLessThan(candidates * ROWS);
  });

  it('decides the same with any number of workers', async () => {
    for (const workers of ['local:1', 'local:3']) {
      const output = `with-${workers.replace(':', '-')}`;
      expect((await run(prune(output, '--workers', workers), folder.path)).code).toBe(0);
      expect(read(folder, `${output}/result.json`)).toBe(undisturbed);
      expect(iterationsOf(output).map(({ candidates }) => candidates)).toEqual(
        iterationsOf('undisturbed').map(({ candidates }) => candidates),
      );
    }
  });

  it('decides the same however often it is killed, and its workers too', async () => {
    const first = start(prune('killed', '--workers', 'local:2'), folder.path);
    await first.says('"msg":"worker ready"');
    await sleep(300 * Math.random());
    for (const pid of workersOf(first).slice(0, 1)) process.kill(pid, 'SIGKILL');
    await sleep(600 * Math.random());
    first.kill('SIGKILL');
    await first.ended;
    for (let time = 0; time < 2; time++) {
      const command = start(['resume', 'killed'], folder.path);
      await command.says('"msg":"worker ready"').catch(() => undefined); // it may have finished already
      await sleep(800 * Math.random());
      command.kill('SIGKILL');
      await command.ended;
    }
    expect((await run(['resume', 'killed'], folder.path)).code).toBe(0);
    expect(read(folder, 'killed/result.json')).toBe(undisturbed);
  });

  it('decides as the exhaustive search does at confidence 1', async () => {
    const decisionsOf = (output: string): unknown =>
      (JSON.parse(read(folder, `${output}/result.json`)) as { decisions: unknown }).decisions;
    const race = await run(prune('sure', '--confidence', '1', '--workers', 'local:2'), folder.path);
    const exhaustive = await run(
      [...PRUNE, '--rows', String(ROWS), '--remove', '2', '--search', 'exhaustive', '--output', 'exhaustive'],
      folder.path,
    );
    expect([race.code, exhaustive.code]).toEqual([0, 0]);
    expect(decisionsOf('sure')).toEqual(decisionsOf('exhaustive'));
  });

  it('can be verified', async () => {
    const verified = await run(['verify', 'undisturbed', '--json'], folder.path);
    const { iterations } = JSON.parse(verified.stdout) as { iterations: { regretNats: number }[] };
    expect(verified.code).toBe(iterations.every(({ regretNats }) => regretNats === 0) ? 0 : 1);
    expect(iterations).toHaveLength(2);
  });

  it('refuses a confidence that is none, or that nobody would use', async () => {
    const none = await run(prune('none', '--confidence', '1.5'), folder.path);
    expect([none.code, errorLine(none)]).toEqual([
      2,
      '--confidence must be a number above 0, at most 1, e.g. 0.99; got "1.5"',
    ]);
    const unused = await run(prune('unused', '--search', 'exhaustive'), folder.path);
    expect(unused.code).toBe(2);
    expect(errorLine(unused)).toContain('leave one of them out');
  });

  it('goes on as it was begun', async () => {
    const command = start(prune('resumed', '--workers', 'local:1'), folder.path);
    await command.says('"msg":"iteration"');
    command.kill('SIGKILL');
    await command.ended;
    expect(read(folder, 'resumed/config.yaml')).toContain('confidence: 0.5 # flag');
    expect((await run(['resume', 'resumed'], folder.path)).code).toBe(0);
    expect(read(folder, 'resumed/result.json')).toBe(undisturbed);
  });
});

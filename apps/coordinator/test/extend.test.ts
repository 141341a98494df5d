import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, slowWorkspace, start, workspace, type Ended } from './command.ts';

const RESULT_FILES = ['result.json', 'removal-order.json'];

describe('a run that is extended', () => {
  let folder: TemporaryFolder;
  const CONSTRAINTS = ['--keep', 'mha.1', '--start-mask', 'mlp.2', '--workers', 'local:1'];

  const prune = (output: string, ...options: string[]): Promise<Ended> =>
    run([...PRUNE, ...CONSTRAINTS, '--output', output, ...options], folder.path);
  const at = (...parts: string[]): string => join(folder.path, ...parts);
  const copied = (output: string): string => {
    cpSync(at('short'), at(output), { recursive: true });
    return output;
  };
  const expectSame = (output: string, straight: string): void => {
    for (const file of RESULT_FILES)
      expect(read(folder, `${output}/${file}`)).toBe(read(folder, `${straight}/${file}`));
  };

  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
    expect((await prune('short', '--remove', '2')).code).toBe(0);
    expect((await prune('long', '--remove', '4')).code).toBe(0);
  });
  afterAll(() => folder.remove());

  it('ends with the result of a run that was started with that goal, and computes nothing twice', async () => {
    const output = copied('further');
    const ended = await run(['resume', output, '--remove', '4'], folder.path);
    expect(ended.code).toBe(0);
    expectSame(output, 'long');
    expect(ended.stderr.match(/"msg":"iteration"/g)?.length).toBe(2);
    expect(read(folder, `${output}/iterations.jsonl`).trimEnd().split('\n')).toHaveLength(4);
    const status = await run(['status', output, '--json'], folder.path);
    expect(JSON.parse(status.stdout)).toMatchObject({
      state: 'finished',
      config: { stop: { kind: 'remove', count: 4 } },
    });
    const again = await run(['resume', output], folder.path);
    expect([again.code, again.stdout]).toEqual([0, ended.stdout]);
    const asked = await run(['resume', output, '--remove', '4'], folder.path);
    expect([asked.code, asked.stdout]).toEqual([0, ended.stdout]);
  });

  it('may get a goal of another kind, a limit, or none any more', async () => {
    const output = copied('other');
    const long = JSON.parse(read(folder, 'long/result.json')) as { decisions: { ratio: number }[] };
    const ratio = String(long.decisions[2].ratio);
    expect((await run(['resume', output, '--max-perplexity', '1.5'], folder.path)).code).toBe(2);
    expect(
      (await run(['resume', output, '--ratio', ratio, '--max-increase', '9999%'], folder.path)).code,
    ).toBe(0);
    expect((await prune('straight', '--ratio', ratio, '--max-increase', '9999%')).code).toBe(0);
    expectSame(output, 'straight');
    expect((await run(['resume', output, '--remove', '4'], folder.path)).code).toBe(0);
    expectSame(output, 'long');
  });

  it('is never made shorter, and goes no further than there are blocks', async () => {
    const before = read(folder, 'long/journal.jsonl');
    const shorter = await run(['resume', 'long', '--remove', '3'], folder.path);
    expect([shorter.code, errorLine(shorter)]).toEqual([
      2,
      'long has 4 decisions, and --remove 3 ends after 3: a run is never made shorter; choose that size with: blockpruner pick long --remove 3',
    ]);
    const further = await run(['resume', 'long', '--remove', '7'], folder.path);
    expect([further.code, errorLine(further)]).toEqual([
      2,
      expect.stringMatching(
        /^cannot remove 7 blocks: the model has only 6 .*: give --remove 6, or keep fewer/,
      ),
    ]);
    expect(read(folder, 'long/journal.jsonl')).toBe(before);
  });

  it('is the former one where the line that extends it is torn, and goes on behind a whole one', async () => {
    const extended = copied('extended');
    expect((await run(['resume', extended, '--remove', '4'], folder.path)).code).toBe(0);
    const [line] = read(folder, 'extended/journal.jsonl').match(/^.*"kind":"extended".*\n/m) ?? [''];
    const before = read(folder, 'short/journal.jsonl');
    const shortened = await run(['resume', 'short'], folder.path);
    const torn = copied('torn');
    writeFileSync(at(torn, 'journal.jsonl'), before + line.slice(0, line.length / 2));
    const resumed = await run(['resume', torn], folder.path);
    expect([resumed.code, resumed.stdout]).toEqual([0, shortened.stdout.replace(/short$/m, torn)]);
    const whole = copied('whole');
    writeFileSync(at(whole, 'journal.jsonl'), before + line);
    const status = await run(['status', whole, '--json'], folder.path);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'stopped' });
    expect((await run(['resume', whole], folder.path)).code).toBe(0);
    expectSame(whole, 'long');
  });
});

describe('a run that is killed while it is extended', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await slowWorkspace();
  });
  afterAll(() => folder.remove());

  it('comes to the same end', async () => {
    const prune = (output: string, remove: string): Promise<Ended> =>
      run([...PRUNE, '--remove', remove, '--workers', 'local:2', '--output', output], folder.path);
    expect((await prune('killed', '1')).code).toBe(0);
    expect((await prune('straight', '3')).code).toBe(0);
    for (let time = 0; time < 3; time++) {
      const command = start(['resume', 'killed', ...(time === 0 ? ['--remove', '3'] : [])], folder.path);
      await command.says('"msg":"worker ready"').catch(() => undefined); // it may have finished already
      await sleep(600 * Math.random());
      command.kill('SIGKILL');
      await command.ended;
    }
    expect((await run(['resume', 'killed'], folder.path)).code).toBe(0);
    for (const file of RESULT_FILES)
      expect(read(folder, `killed/${file}`)).toBe(read(folder, `straight/${file}`));
  });
});

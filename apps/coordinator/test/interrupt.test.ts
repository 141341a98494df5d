import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allGone, Command, family, PRUNE, read, run, slowWorkspace, start } from './command.ts';

describe('Ctrl-C', () => {
  let folder: TemporaryFolder;
  let undisturbed: string;

  const prune = (output: string): string[] => [
    ...PRUNE,
    ...['--remove', '2', '--workers', 'local:2', '--output', output],
  ];

  beforeAll(async () => {
    folder = await slowWorkspace();
    expect((await run(prune('undisturbed'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  async function resumed(output: string): Promise<void> {
    const ended = await run(['resume', output], folder.path);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain(`run folder: ${output}`);
    expect(read(folder, `${output}/result.json`)).toBe(undisturbed);
  }

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends a run at once by %s, says what is kept, and the run goes on from there',
    async (signal) => {
      const command = start(prune(signal), folder.path);
      const { all } = await family(command, 2);
      await command.says('"msg":"iteration"');
      command.kill(signal);
      const ended = await command.endsSoon();
      expect([ended.code, ended.stdout]).toEqual([130, '']);
      expect(ended.lastLine).toMatch(
        new RegExp(
          `interrupted by ${signal}; [12] decisions? and every finished score are kept; go on with: blockpruner resume ${signal}"`,
        ),
      );
      await allGone(all);
      await resumed(signal);
    },
  );

  it('ends a run when it reaches all of its processes, as in a terminal', async () => {
    const command = new Command(prune('group'), folder.path, {}, true);
    const { all } = await family(command, 2);
    await command.says('"msg":"dense model scored"');
    command.signalGroup('SIGINT');
    const ended = await command.endsSoon();
    expect(ended.code).toBe(130);
    expect(ended.lastLine).toContain('go on with: blockpruner resume group');
    expect(ended.stderr).not.toContain('a local worker died');
    await allGone(all);
    await resumed('group');
  });

  it('ends a run that waits for its first worker, which can be resumed with other workers', async () => {
    const command = start(
      [...PRUNE, '--remove', '2', '--listen', '127.0.0.1:0', '--output', 'waiting'],
      folder.path,
    );
    await command.says('waiting for workers');
    command.kill('SIGINT');
    const ended = await command.endsSoon();
    expect(ended.code).toBe(130);
    expect(ended.lastLine).toContain('0 decisions and every finished score are kept');
    expect(existsSync(join(folder.path, 'waiting/result.json'))).toBe(false);
    const status = await run(['status', 'waiting', '--json'], folder.path);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'stopped', dense: null, decisions: [] });
    const resume = await run(['resume', 'waiting', '--workers', 'local:2'], folder.path);
    expect(resume.code).toBe(0);
    expect(read(folder, 'waiting/result.json')).toBe(undisturbed);
  });

  it('ends score too, with nothing left behind', async () => {
    const masks = ['mha.1', 'mha.2', 'mha.3', 'mha.4'].flatMap((mask) => ['--mask', mask]);
    const args = ['score', '--model', 'model', '--calibration', 'rows.json', ...masks];
    const command = start([...args, '--workers', 'local:1'], folder.path);
    await command.says('"msg":"worker joined"');
    const { all } = await family(command, 1);
    command.kill('SIGINT');
    const ended = await command.endsSoon();
    expect([ended.code, ended.stdout]).toEqual([130, '']);
    await allGone(all);
  });
});

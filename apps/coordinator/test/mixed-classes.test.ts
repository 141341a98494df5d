import { freePort, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorLine, PRUNE, read, run, slowWorkspace, start } from './command.ts';

describe('a worker of another numeric class than the run', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await slowWorkspace();
  });
  afterAll(() => folder.remove());

  const prune = (output: string, port: number, ...options: string[]): string[] => [
    ...PRUNE,
    ...['--remove', '8', '--workers', 'local:1', '--dtype', 'fp32', '--listen', `127.0.0.1:${port}`],
    ...['--output', output, ...options],
  ];

  it('is refused with a line that names the switch to let it in', { timeout: 120_000 }, async () => {
    const port = await freePort();
    const coordinator = start(prune('one-class', port), folder.path);
    await coordinator.says('"msg":"worker joined"');
    const refused = await run(['worker', '--connect', `127.0.0.1:${port}`, '--dtype', 'fp16'], folder.path);
    expect(refused.code).toBe(1);
    expect(errorLine(refused)).toMatch(/numeric class ".*fp16.*fixed .* class as ".*fp32.* --mixed-classes/);
    coordinator.kill('SIGTERM');
    await coordinator.ended;
  });

  it(
    'computes with --mixed-classes, and each decision that used both is flagged',
    {
      timeout: 180_000,
    },
    async () => {
      const port = await freePort();
      const other = start(['worker', '--connect', `127.0.0.1:${port}`, '--dtype', 'fp16'], folder.path);
      const coordinator = start(prune('mixed', port, '--mixed-classes'), folder.path);
      await coordinator.says('used two numeric classes');
      coordinator.kill('SIGINT');
      const { stderr } = await coordinator.ended;
      other.kill('SIGINT');
      await other.ended;
      const decisions = read(folder, 'mixed/iterations.jsonl')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { iteration: number; numericClasses: string[] });
      const flagged = decisions.filter(({ numericClasses }) => numericClasses.length === 2);
      expect(flagged.length).toBeGreaterThan(0);
      for (const { iteration, numericClasses } of flagged) {
        expect(numericClasses).toEqual([
          expect.stringContaining(', fp16, ') as string,
          expect.stringContaining(', fp32, ') as string,
        ]);
        expect(stderr).toContain(
          `iteration ${iteration} used two numeric classes: ${numericClasses.join('; ')}`,
        );
      }
      expect(stderr.match(/used two numeric classes/g)).toHaveLength(flagged.length);
    },
  );
});

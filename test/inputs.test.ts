import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startHubStandIn, temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeInputs } from './input-files.ts';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'apps/coordinator/bin');

/** The examples of one section's table: the words of each command. */
function examples(heading: string): string[] {
  const page = readFileSync(join(ROOT, 'docs/inputs.md'), 'utf8');
  const section = page.slice(page.indexOf(`\n## ${heading}\n`) + 1).split('\n## ')[0];
  return [...section.matchAll(/^\|.*\| `(blockpruner [^`]+)` \|$/gm)].map(([, command]) => command);
}

describe('docs/inputs.md', () => {
  let folder: TemporaryFolder;
  let hub: Awaited<ReturnType<typeof startHubStandIn>>;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeInputs(folder.path);
    hub = await startHubStandIn(join(folder.path, 'hub'));
  }, 120_000);
  afterAll(async () => {
    await hub.close();
    folder.remove();
  });

  /** Runs a command of the page and gives what it prints as JSON. */
  async function run(command: string): Promise<unknown> {
    const workers = command.includes(' score ') ? '--workers local:1' : '';
    const { stdout } = await promisify(execFile)('sh', ['-euc', `${command} ${workers} --json`], {
      cwd: folder.path,
      env: {
        ...process.env,
        PATH: `${BIN}:${process.env.PATH}`,
        HOME: folder.path,
        HF_ENDPOINT: hub.endpoint,
        HF_HOME: join(folder.path, 'cache'),
        BLOCKPRUNER_SEQ_LEN: '16',
      },
    });
    return JSON.parse(stdout);
  }

  it.each(examples('Models'))('scores: %s', { timeout: 60_000 }, async (command) => {
    const { dense } = (await run(command)) as { dense: { rows: number[] } };
    expect(dense.rows).toHaveLength(2);
    // Below the surprise of a fair die with a million faces: the model is one, and was read in order.
    expect(dense.rows.every((mean) => mean > 0 && mean < Math.log(1e6))).toBe(true);
  });

  it.each([...examples('Tokenizers'), ...examples('Calibration')])(
    'makes rows: %s',
    { timeout: 60_000 },
    async (command) => {
      const report = (await run(command)) as { rows: number; tokens: number; records: number };
      expect(report.records).toBeGreaterThan(0);
      expect(report.tokens).toBeGreaterThanOrEqual(16);
      expect(report.rows).toBeGreaterThan(0);
    },
  );

  it('has examples of every section', () => {
    expect(examples('Models').length).toBeGreaterThan(10);
    expect(examples('Tokenizers').length).toBeGreaterThan(7);
    expect(examples('Calibration').length).toBeGreaterThan(15);
  });
});

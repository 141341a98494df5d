import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRun, RunFolder } from '../src/index.ts';
import { runPath } from './example-run.ts';
import { NEW_RUN } from './example-values.ts';

interface Outcome {
  readonly code?: string;
  readonly message?: string;
  readonly appends?: number;
}

/** Runs a coordinator in a process of its own, after a line of shell. */
function runChild(before: string, what: string, path: string): Outcome {
  const script = join(import.meta.dirname, 'child-run.ts');
  const shell = `${before}; exec "$0" "$@"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', shell, process.execPath, script, what, path], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Outcome;
}

describe('a disk that takes no more', () => {
  it('fails with the path and the way out, and leaves every whole append and nothing half-written', async () => {
    const path = runPath();
    const outcome = runChild('ulimit -f 64', 'appendUntilFull', path);
    expect(outcome).toMatchObject({
      code: 'io',
      message: /^cannot append to .*: EFBIG; the file size limit is reached/,
    });
    expect(outcome.appends).toBeGreaterThan(10);
    expect((await readRun(path)).cellCount).toBe(10 * outcome.appends!);
    const run = await RunFolder.open(path, { staleMs: 300, pollMs: 100 });
    expect(run.cutBytes).toEqual({ journal: 0, cells: 0 });
    expect(run.state.cells).toHaveLength(10);
    await run.release();
  }, 30_000);

  it('leaves no half-made run behind', () => {
    const path = runPath();
    const outcome = runChild('ulimit -f 64', 'createWhenFull', path);
    expect(outcome).toMatchObject({ code: 'io', message: /^cannot write .*environment\.json: EFBIG/ });
    expect(existsSync(path)).toBe(false);
  }, 30_000);
});

describe('a folder that must not be written to', () => {
  it('says so, with the way out, and is left as it is', async () => {
    const path = runPath();
    await (await RunFolder.create(path, NEW_RUN)).release();
    const before = readdirSync(path);
    chmodSync(dirname(path), 0o755);
    chmodSync(path, 0o555);
    const outcome = runChild(':', 'openReadOnly', path);
    chmodSync(path, 0o755);
    expect(outcome).toEqual({
      code: 'io',
      message: `cannot write ${join(path, 'owner.json')}: EACCES; give this user write access to the folder, or choose another one`,
    });
    expect(readdirSync(path)).toEqual(before);
  }, 30_000);
});

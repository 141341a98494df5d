import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allows, OWN_MOUNTS, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLOCKPRUNER, PRUNE, read, run, slowWorkspace } from './command.ts';

const CAN_MOUNT = allows(
  OWN_MOUNTS,
  'mount -t tmpfs tmpfs /mnt',
  'a full disk and a read-only file system; the tests of the journal take a limit of the file size and permissions',
);

/** What fills up the disk once the first iteration is over, and what becomes of the run when there is room again. */
const FILL_AND_FREE = `
  mount -t tmpfs -o size=64m tmpfs disk
  "$0" "$@" --output disk/run 2> full.stderr & run=$!
  until grep -q '"msg":"iteration"' full.stderr; do sleep 0.02; done
  cat /dev/zero > disk/filler 2> /dev/null || true
  wait $run && echo 0 > full.code || echo $? > full.code
  ls disk/run > full.files
  "$0" status disk/run --json > full.status
  rm disk/filler
  "$0" resume disk/run > /dev/null 2> freed.stderr
  cp disk/run/result.json disk/run/iterations.jsonl .
`;

const READ_ONLY = `
  mount --bind stopped stopped
  mount -o remount,ro,bind stopped
  "$0" status stopped --json > read-only.status
  "$0" resume stopped > read-only.stdout 2> read-only.stderr && echo 0 > read-only.code || echo $? > read-only.code
`;

describe.skipIf(!CAN_MOUNT)('the file system of a run', { timeout: 120_000 }, () => {
  let folder: TemporaryFolder;
  let undisturbed: string;
  const ARGS = [...PRUNE, '--remove', '3', '--workers', 'local:2'];

  beforeAll(async () => {
    folder = await slowWorkspace();
    expect((await run([...ARGS, '--output', 'undisturbed'], folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  /** Runs a script with file systems of its own; `$0` is the blockpruner command. */
  function inNamespace(script: string, ...args: string[]): void {
    const env = { ...process.env, BLOCKPRUNER_LOG_FORMAT: 'json' };
    const [command, ...rest] = [...OWN_MOUNTS, 'sh', '-euc', script, BLOCKPRUNER, ...args];
    const { status, stderr } = spawnSync(command, rest, { cwd: folder.path, env, encoding: 'utf8' });
    expect([stderr, status]).toEqual(['', 0]);
  }
  const lastLine = (file: string): string => read(folder, file).trimEnd().split('\n').at(-1)!;

  it('that is full ends with the way out, and goes on with every score once there is room', () => {
    spawnSync('mkdir', [join(folder.path, 'disk')]);
    inNamespace(FILL_AND_FREE, ...ARGS);
    expect(read(folder, 'full.code').trim()).toBe('1');
    expect(lastLine('full.stderr')).toMatch(
      /^error: cannot append to .*\/disk\/run\/(cells\.bin|journal\.jsonl|iterations\.jsonl): ENOSPC; the disk is full: free some space, then resume$/,
    );
    expect(read(folder, 'full.stderr')).not.toMatch(/\n\s+at /);
    expect(read(folder, 'full.files')).not.toMatch(/owner\.json|incomplete|result/);
    const status = JSON.parse(read(folder, 'full.status')) as { state: string; decisions: unknown[] };
    expect(status).toMatchObject({ state: 'stopped' });
    expect(status.decisions.length).toBeGreaterThan(0);
    expect(read(folder, 'freed.stderr')).toContain('resuming after the last decision');
    expect(read(folder, 'result.json')).toBe(undisturbed);
    const iterations = read(folder, 'iterations.jsonl').trimEnd().split('\n');
    expect(iterations.map((line) => (JSON.parse(line) as { iteration: number }).iteration)).toEqual([
      1, 2, 3,
    ]);
  });

  it('that is read-only is read by status, and refused by resume with the way out', () => {
    spawnSync('cp', ['-r', join(folder.path, 'undisturbed'), join(folder.path, 'stopped')]);
    const journal = join(folder.path, 'stopped/journal.jsonl');
    const unfinished = readFileSync(journal, 'utf8')
      .split('\n')
      .filter((line) => !line.includes('"kind":"finished"'))
      .join('\n');
    writeFileSync(journal, unfinished);
    const names = readdirSync(join(folder.path, 'stopped')).sort();
    const contents = (): string[] => names.map((name) => read(folder, `stopped/${name}`));
    const before = contents();
    inNamespace(READ_ONLY);
    expect(JSON.parse(read(folder, 'read-only.status'))).toMatchObject({ state: 'stopped' });
    expect([read(folder, 'read-only.code').trim(), read(folder, 'read-only.stdout')]).toEqual(['1', '']);
    expect(lastLine('read-only.stderr')).toMatch(
      /^error: cannot write .*\/stopped\/owner\.json: EROFS; the file system is read-only: choose a folder on a writable one$/,
    );
    expect(readdirSync(join(folder.path, 'stopped')).sort()).toEqual(names);
    expect(contents()).toEqual(before);
  });
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BLOCKPRUNER, run, slowWorkspace } from '../apps/coordinator/test/command.ts';

const SCRIPT = join(import.meta.dirname, '../deploy/slurm/blockpruner.sbatch');
const SEARCH = ['--model', 'model', '--calibration', 'rows.json', '--remove', '2'];

/** Slurm's part in a job on this machine alone: a step of one task, and a note of what is asked of the queue. */
const SLURM = {
  srun: 'while case $1 in --*) true ;; *) false ;; esac do shift; done\nSLURM_LOCALID=0 exec "$@"',
  scancel: 'exit 1',
  scontrol: 'echo "$@" >>queue',
};

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await slowWorkspace();
  mkdirSync(join(folder.path, 'bin'));
  for (const [name, script] of Object.entries(SLURM)) {
    writeFileSync(join(folder.path, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder.path, 'bin', name), 0o755);
  }
});
afterAll(() => folder.remove());

function submit(name: string, jobId: number, args: readonly string[]): ChildProcess {
  const own = Object.entries(process.env).filter(([variable]) => !/^(BLOCKPRUNER|SLURM)_/.test(variable));
  return spawn('bash', [SCRIPT, ...args], {
    cwd: folder.path,
    stdio: 'ignore',
    env: {
      ...Object.fromEntries(own),
      PATH: `${folder.path}/bin:${process.env.PATH}`,
      BLOCKPRUNER,
      COORDINATOR_HOST: 'localhost',
      SLURM_SUBMIT_DIR: folder.path,
      SLURM_JOB_NAME: name,
      SLURM_JOB_ID: String(jobId),
      SLURM_NNODES: '1',
      SLURM_CPUS_ON_NODE: '2',
    },
  });
}

const exitCode = async (job: ChildProcess): Promise<unknown> => (await once(job, 'exit'))[0];
const read = (file: string): string => readFileSync(join(folder.path, file), 'utf8');

it('a Slurm job that reaches its time limit goes on to the same result', { timeout: 180_000 }, async () => {
  const undisturbed = run(['prune', ...SEARCH, '--output', 'undisturbed'], folder.path);
  const first = submit('mine', process.pid, SEARCH);
  const ended = exitCode(first);
  await waitFor(() => existsSync(join(folder.path, 'mine/run/iterations.jsonl')), { timeoutMs: 90_000 });
  first.kill('SIGUSR1');
  expect(await ended).toBe(130);
  expect(read('queue')).toBe(`requeue ${process.pid}\n`);
  expect(await exitCode(submit('mine', process.pid, SEARCH))).toBe(0);
  expect((await undisturbed).code).toBe(0);
  expect(read('mine/run/result.json')).toBe(read('undisturbed/result.json'));
  expect(readdirSync(join(folder.path, 'mine'))).toEqual(['run']);
});

it('a Slurm job with a wrong option fails for good', { timeout: 60_000 }, async () => {
  expect(await exitCode(submit('wrong', process.pid + 1, [...SEARCH, '--remove', '99']))).toBe(2);
  expect(read('queue')).not.toContain(String(process.pid + 1));
});

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, temporaryFolder, tinyRows } from '@blockpruner/testkit';
import { expect, it } from 'vitest';
import { ggufBytes, TINY_METADATA, tinyGgufTensors } from '../../../libs/checkpoint/test/gguf-bytes.ts';
import { run, start } from './command.ts';

it('has a worker of another machine decode the GGUF itself, into a cache of its own', async () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  writeFileSync(at('model.gguf'), ggufBytes(TINY_METADATA, tinyGgufTensors()));
  const rows = tinyRows(24, 1, [20, 33]).map((row) => [...row]);
  writeFileSync(at('rows.json'), JSON.stringify(rows));
  const port = await freePort();
  const score = ['score', '--model', 'model.gguf', '--calibration', 'rows.json', '--mask', 'mha.1', '--json'];
  const worker = start(
    ['worker', '--connect', `127.0.0.1:${port}`, '--cache-dir', at('of-worker'), '--exit-when-done'],
    folder.path,
  );
  const remote = await run(
    [...score, '--listen', `127.0.0.1:${port}`, '--cache-dir', at('of-coordinator')],
    folder.path,
  );
  const local = await run(
    [...score, '--workers', 'local:1', '--cache-dir', at('of-coordinator')],
    folder.path,
  );
  expect([remote.code, local.code, (await worker.ended).code]).toEqual([0, 0, 0]);
  expect(remote.stdout).toBe(local.stdout);
  const entries = readdirSync(at('of-coordinator'));
  expect(entries).toEqual([expect.stringMatching(/^decoded-[0-9a-f]{16}$/)]);
  expect(readdirSync(at('of-worker'))).toEqual(entries);
  folder.remove();
});

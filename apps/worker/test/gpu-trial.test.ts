import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { gpuInfo } from '@blockpruner/inference';
import { expect, it } from 'vitest';

const MAIN = `${import.meta.dirname}/../src/main.ts`;

it.skipIf(gpuInfo(0, undefined) !== undefined)('a worker without its GPU fails before it dials', async () => {
  let dialled = 0;
  const coordinator = createServer(() => dialled++).listen(0, '127.0.0.1');
  await once(coordinator, 'listening');
  const { port } = coordinator.address() as AddressInfo;
  const worker = spawn(process.execPath, [MAIN, '--connect', `127.0.0.1:${port}`, '--device', 'cuda:0']);
  const said = await text(worker.stderr);
  coordinator.close();
  expect([worker.exitCode ?? (await once(worker, 'exit'))[0], dialled]).toEqual([1, 0]);
  expect(said).toMatch(/^error: cuda:0: [^\n]+\n$/);
});

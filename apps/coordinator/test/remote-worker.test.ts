import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, TINY_MODELS, writeTinyModel, type TemporaryFolder } from '@blockpruner/testkit';
import { FleetClient, FleetServer, type CloseReason, type Hello } from '@blockpruner/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  allGone,
  errorLine,
  family,
  PRUNE,
  read,
  run,
  slowWorkspace,
  start,
  workspace,
  type Command,
} from './command.ts';

/** Says hello as a worker that this coordinator cannot use, and waits for its answer. */
function dial(port: number, oddity: Partial<Hello>): Promise<CloseReason> {
  return new Promise((resolve) => {
    const hello: Hello = {
      kind: 'hello',
      protocolMin: 1,
      protocolMax: 1,
      workerId: 'a-stranger',
      name: 'elsewhere:1',
      numericClass: 'onnxruntime 0.1.0, abacus',
      device: 'cpu',
      memoryBytes: 1,
      threads: 1,
      version: '0.1.0',
    };
    const client = new FleetClient({
      address: `127.0.0.1:${port}`,
      hello: () => ({ ...hello, ...oddity }),
      handlers: { onMessage: () => undefined, onClosed: resolve },
    });
    client.connect();
  });
}

describe('a coordinator', () => {
  let folder: TemporaryFolder;
  let coordinator: Command;
  let port: number;

  beforeAll(async () => {
    folder = await slowWorkspace();
    port = await freePort();
    const args = [...PRUNE, '--remove', '2', '--workers', 'local:2', '--listen', `127.0.0.1:${port}`];
    coordinator = start([...args, '--output', 'run'], folder.path);
    await coordinator.says('"msg":"worker joined"');
  });
  afterAll(() => folder.remove());

  it('turns away a worker of another protocol version with one clear line', async () => {
    const reason = await dial(port, { protocolMin: 98, protocolMax: 99 });
    expect(reason).toMatchObject({ kind: 'refused' });
    expect(reason.reason).toMatch(/worker speaks protocol 98 to 99, this coordinator speaks 1: install/);
    await coordinator.says(/"msg":"worker refused"/);
    await coordinator.says(/worker speaks protocol 98 to 99, this coordinator speaks 1: install/);
  });

  it('turns away a worker of another numeric class by name', async () => {
    const reason = await dial(port, {});
    expect(reason).toMatchObject({ kind: 'refused' });
    expect(reason.reason).toContain('onnxruntime 0.1.0, abacus');
    await coordinator.says(/"worker":"elsewhere:1"[^\n]*"msg":"worker refused"/);
  });

  it('goes on with its own workers, and finishes', async () => {
    const ended = await coordinator.ended;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain('removed 2 blocks');
  });

  it('reaches its own workers whatever address it listens on', async () => {
    const args = [...PRUNE, '--remove', '1', '--workers', 'local:1', '--listen', '127.0.0.2:0'];
    const ended = await run([...args, '--output', 'other-address'], folder.path);
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('removed 1 block by a race')]);
    expect(ended.stderr).toMatch(/run: blockpruner worker --connect 127\.0\.0\.2:\d+"/);
  });
});

describe('blockpruner worker', () => {
  let folder: TemporaryFolder;
  let undisturbed: string;
  let port: number;

  const prune = (output: string, ...workers: string[]): string[] => [
    ...PRUNE,
    ...['--remove', '2', '--output', output],
    ...workers,
  ];
  const listen = (output: string): string[] => prune(output, '--listen', `127.0.0.1:${port}`);
  const worker = (...args: string[]): Command =>
    start(['worker', '--connect', `127.0.0.1:${port}`, ...args], folder.path);

  beforeAll(async () => {
    folder = await slowWorkspace();
    port = await freePort();
    expect((await run(prune('undisturbed', '--workers', 'local:2'), folder.path)).code).toBe(0);
    undisturbed = read(folder, 'undisturbed/result.json');
  });
  afterAll(() => folder.remove());

  it('waits for a coordinator, outlives one that is killed, serves its resume, and stays for the next run', async () => {
    const waiting = worker();
    await waiting.says('no coordinator yet; dialling again');
    const killed = start(listen('first'), folder.path);
    await killed.says('"msg":"iteration"');
    killed.kill('SIGKILL');
    await waiting.says('connection lost; dialling again');
    expect((await run(['resume', 'first'], folder.path)).code).toBe(0);
    expect(read(folder, 'first/result.json')).toBe(undisturbed);
    expect((await run(listen('second'), folder.path)).code).toBe(0);
    expect(read(folder, 'second/result.json')).toBe(undisturbed);
    const { all } = await family(waiting, 1);
    waiting.kill('SIGINT');
    expect((await waiting.endsSoon()).code).toBe(130);
    await allGone(all);
  });

  it('leaves nothing behind when it is killed at work, and the run goes on with the next', async () => {
    const coordinator = start(listen('handed-on'), folder.path);
    const killed = worker();
    const { all } = await family(killed, 1);
    await coordinator.says('"msg":"iteration"');
    killed.kill('SIGKILL');
    await killed.ended;
    await allGone(all);
    await coordinator.says(/"msg":"worker left"/);
    const next = worker('--exit-when-done');
    expect((await coordinator.ended).code).toBe(0);
    expect(read(folder, 'handed-on/result.json')).toBe(undisturbed);
    expect((await next.endsSoon()).code).toBe(0);
  });

  it('gives its work back when it is interrupted', async () => {
    const coordinator = start(listen('given-back'), folder.path);
    const interrupted = worker();
    const { all } = await family(interrupted, 1);
    await coordinator.says('"msg":"iteration"');
    interrupted.kill('SIGINT');
    expect((await interrupted.endsSoon()).code).toBe(130);
    await allGone(all);
    await coordinator.says(/"how":"drained"[^\n]*"msg":"worker left"/);
    const next = worker('--exit-when-done');
    expect((await coordinator.ended).code).toBe(0);
    expect(read(folder, 'given-back/result.json')).toBe(undisturbed);
    expect((await next.endsSoon()).code).toBe(0);
  });
});

describe('blockpruner worker that cannot serve', () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await workspace('llama-gqa-untied');
  });
  afterAll(() => folder.remove());

  it('exits 1 with the reason when the coordinator refuses it', async () => {
    const server = new FleetServer({
      onHello: (connection) => connection.refuse('this run takes no worker from the north'),
      onMessage: () => undefined,
      onClosed: () => undefined,
    });
    const port = await server.listen('127.0.0.1', 0);
    const refused = start(['worker', '--connect', `127.0.0.1:${port}`], folder.path);
    const ended = await refused.ended;
    await server.close();
    expect(ended.code).toBe(1);
    expect(errorLine(ended)).toMatch(/^refused by coordinator 127\.0\.0\.1:\d+: .*no worker from the north/);
  });

  it('exits 1 when it does not find the model, or finds another, and the coordinator waits for one that does', async () => {
    const port = await freePort();
    const at = (name: string): string => join(folder.path, name);
    const args = [...PRUNE, '--remove', '1', '--listen', `127.0.0.1:${port}`, '--output', 'run'];
    const coordinator = start([...args, '--artifact-listen', 'none'], folder.path);
    await coordinator.says('waiting for workers; on any machine that sees the model at the same path');

    const dialling = ['worker', '--connect', `127.0.0.1:${port}`];
    renameSync(at('model'), at('original'));
    const lost = await run(dialling, folder.path);
    expect([lost.code, errorLine(lost)]).toEqual([1, expect.stringMatching(/model does not exist/)]);

    await writeTinyModel(at('model'), { ...TINY_MODELS['llama-gqa-untied'], seed: 99 });
    const misled = await run(dialling, folder.path);
    expect([misled.code, errorLine(misled)]).toEqual([
      1,
      expect.stringMatching(/model is another model here: fingerprint sha256:.*copy the coordinator's file/),
    ]);

    renameSync(at('model'), at('other'));
    renameSync(at('original'), at('model'));
    const able = start([...dialling, '--exit-when-done'], folder.path);
    expect((await coordinator.ended).code).toBe(0);
    expect((await able.endsSoon()).code).toBe(0);
  });
});

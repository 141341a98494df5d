import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { freePort, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allGone, family, PRUNE, read, slowWorkspace, start, type Command, type Ended } from './command.ts';

const TOKEN = '0123456789abcdef-token';
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** How much larger a coordinator may get at its largest when strangers do what they can. */
const MAX_GROWTH_BYTES = 64 * 2 ** 20;

/** What a stranger may be told: settings, how a call ended, why a connection does. */
const MAX_TOLD_BYTES = 2048;

/** How a command ended, and the largest resident set it had. */
async function measured(command: Command): Promise<{ ended: Ended; peakBytes: number }> {
  let ended: Ended | undefined;
  let peakBytes = 0;
  void command.ended.then((end) => (ended = end));
  while (!ended) {
    peakBytes = Math.max(peakBytes, peakOf(command.pid));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { ended, peakBytes };
}

function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** A call without a token that sends the bytes. @returns its gRPC status, null when it was cut off, and what it got */
async function callWithout(
  port: number,
  calls: number,
  bytes: Buffer,
): Promise<{ statuses: (string | null)[]; receivedBytes: number }> {
  // By default Node's own client gives up a stream when so much waits to be sent.
  const options = { maxSessionMemory: 1000 };
  const client = connectHttp2(`http://127.0.0.1:${port}`, options).on('error', () => undefined);
  let receivedBytes = 0;
  const statuses = await Promise.all(
    Array.from({ length: calls }, async () => {
      const call = client.request({
        ':method': 'POST',
        ':path': '/blockpruner.v1.Fleet/Work',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      let answer: string | null = null;
      call.on('response', (headers: IncomingHttpHeaders) => (answer = String(headers['grpc-status'])));
      call.on('data', (chunk: Buffer) => (receivedBytes += chunk.length));
      call.on('error', () => undefined);
      const closed = new Promise((resolve) => call.on('close', resolve));
      call.end(bytes);
      await closed;
      return answer;
    }),
  );
  client.destroy();
  return { statuses, receivedBytes };
}

/** Sends raw bytes, at once or one by one, until the other side has had enough. @returns how much it was told */
async function raw(port: number, bytes: Buffer, dripMs = 0): Promise<number> {
  const socket: Socket = connect(port, '127.0.0.1');
  let receivedBytes = 0;
  socket.on('data', (chunk: Buffer) => (receivedBytes += chunk.length));
  socket.on('error', () => undefined);
  if (dripMs === 0) socket.write(bytes);
  let at = 0;
  const timer = dripMs === 0 ? undefined : setInterval(() => socket.write(bytes.subarray(at, ++at)), dripMs);
  await new Promise((resolve) => socket.on('close', resolve)); // being reset is an error as well
  clearInterval(timer);
  return receivedBytes;
}

/** A message of so many MiB, as gRPC frames it; a worker may send 32. */
function message(mebibytes: number): Buffer {
  const bytes = Buffer.alloc(mebibytes * 2 ** 20);
  bytes.writeUInt32BE(bytes.length - 5, 1);
  return bytes;
}

describe('a coordinator at work, with strangers on its port', () => {
  let folder: TemporaryFolder;
  let port: number;

  beforeAll(async () => {
    folder = await slowWorkspace();
    port = await freePort();
    writeFileSync(join(folder.path, 'token'), TOKEN, { mode: 0o600 });
  });
  afterAll(() => folder.remove());

  const searchWith = (output: string): { coordinator: Command; worker: Command } => {
    const guard = ['--listen', `127.0.0.1:${port}`, '--token-file', 'token'];
    const args = [...PRUNE, '--remove', '4', '--output', output, ...guard];
    const dial = ['worker', '--connect', `127.0.0.1:${port}`, '--token-file', 'token', '--exit-when-done'];
    return { coordinator: start(args, folder.path), worker: start(dial, folder.path) };
  };

  it('gives them nothing, grows by a bounded amount, and finds the same result', async () => {
    const quiet = searchWith('undisturbed');
    const undisturbed = await measured(quiet.coordinator);
    expect(undisturbed.ended.code).toBe(0);
    await quiet.worker.ended;

    const { coordinator, worker } = searchWith('disturbed');
    const disturbed = measured(coordinator);
    await coordinator.says('"msg":"worker ready"');
    const { all } = await family(worker, 1);
    const hello = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from([10, 0])]);
    const garbage = Buffer.concat([Buffer.from(PREFACE), randomBytes(100_000)]);
    const told: Promise<number>[] = [];
    // Slow ones last until they are cut off, or until the search is over.
    for (let i = 0; i < 50; i++) told.push(raw(port, Buffer.from(PREFACE + PREFACE.repeat(1000)), 100));
    for (let i = 0; i < 50; i++) told.push(raw(port, garbage), raw(port, randomBytes(100_000)));
    const streams = await Promise.all(Array.from({ length: 125 }, () => callWithout(port, 8, hello)));
    expect(streams.flatMap(({ statuses }) => statuses)).toEqual(new Array(1000).fill('16'));
    const [large, tooLarge] = [message(31), message(40)];
    const loads = Array.from({ length: 20 }, (_, i) => callWithout(port, 1, i % 2 === 0 ? large : tooLarge));
    const loaded = await Promise.all(loads);
    for (const { statuses } of loaded) expect(['16', null]).toContain(statuses[0]);
    expect([...streams, ...loaded].reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)).toBe(0);

    const { ended, peakBytes } = await disturbed;
    expect(ended.code).toBe(0);
    expect(Math.max(...(await Promise.all(told)))).toBeLessThan(MAX_TOLD_BYTES);
    expect(read(folder, 'disturbed/result.json')).toBe(read(folder, 'undisturbed/result.json'));
    expect((await worker.endsSoon()).code).toBe(0);
    await allGone(all); // and so is what it held of a device
    expect(peakBytes - undisturbed.peakBytes).toBeLessThan(MAX_GROWTH_BYTES);
    expect(ended.stderr.match(/"msg":"worker refused"/g)?.length).toBeLessThan(50);
    expect(ended.stderr).toMatch(/"reason":"it shows no token"/);
    expect(ended.stderr).not.toMatch(/"msg":"worker left"/);
  });
});

/**
 * Main of the two ends that artifacts.ts measures between, each in a process of its own: `serve <folder> <megabytes>` the
 * server, `relay <port> <milliseconds>` a line of that one-way delay and of any width. Says its port in one message.
 */
import { randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { ArtifactStore, identifyFiles } from '@blockpruner/artifacts';
import { ArtifactServer } from '@blockpruner/wire';

/** The one model that is served. */
export const FINGERPRINT = `sha256:${'0'.repeat(64)}`;

async function serve(folder: string, megabytes: number): Promise<number> {
  const path = join(folder, 'model.safetensors');
  writeFileSync(path, randomFillSync(Buffer.allocUnsafe(megabytes * 1e6)));
  const files = await identifyFiles([{ name: 'model.safetensors', path }]);
  const store = await ArtifactStore.open(
    { fingerprint: FINGERPRINT, entry: null, files },
    { cacheFolder: folder, maxStreams: 8, bytesPerSecond: null },
  );
  return new ArtifactServer(store).listen('127.0.0.1', 0);
}

function relay(port: number, delayMs: number): Promise<number> {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    delayed(near, far, delayMs);
    delayed(far, near, delayMs);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function delayed(from: Socket, to: Socket, delayMs: number): void {
  from.setNoDelay(true);
  from.on('data', (bytes) => {
    if (delayMs === 0) to.write(bytes);
    else setTimeout(() => to.write(bytes), delayMs);
  });
  from.on('close', () => to.destroy());
  from.on('error', () => to.destroy());
}

if (process.send) {
  const [role, what, number] = process.argv.slice(2);
  process.on('disconnect', () => process.exit());
  process.send(
    role === 'serve' ? await serve(what, Number(number)) : await relay(Number(what), Number(number)),
  );
}

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * Passes connections on to a port, and flips a bit of what comes back: once a connection, after so many bytes, in the
 * middle of a large piece, where content is; so many times in all.
 */
export async function startDamagingRelay(
  port: number,
  { afterBytes, times }: { afterBytes: number; times: number },
): Promise<{ port: number; readonly damages: number; close(): Promise<void> }> {
  let damages = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    let passedBytes = 0;
    let isDamaged = false;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => [near, far].forEach((end) => end.destroy()));
    }
    near.pipe(far);
    far.on('data', (bytes) => {
      passedBytes += bytes.length;
      if (damages < times && !isDamaged && passedBytes > afterBytes && bytes.length > 8192) {
        bytes[bytes.length >> 1] ^= 4;
        damages += 1;
        isDamaged = true;
      }
      if (!near.write(bytes)) {
        far.pause();
        near.once('drain', () => far.resume());
      }
    });
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    port: (relay.address() as AddressInfo).port,
    get damages() {
      return damages;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, 'close');
    },
  };
}

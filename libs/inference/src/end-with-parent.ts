import { Worker } from 'node:worker_threads';

/**
 * Ends this process with its parent, however that dies, even in the middle of a run: a thread blocks on standard input,
 * a pipe that the parent holds open. Signals to the process group are left to the parent.
 */
export function endWithParent(): void {
  new Worker(
    `const { readSync } = require('node:fs');
     try { while (readSync(0, Buffer.alloc(1)) > 0); } catch {}
     process.kill(process.pid, 'SIGKILL');`,
    { eval: true },
  );
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
}

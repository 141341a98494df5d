import { Worker } from 'node:worker_threads';

const WATCH = `
  const { workerData } = require('node:worker_threads');
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent || process.memoryUsage.rss() > workerData[0]) process.kill(process.pid, 'SIGKILL');
  }, 50);`;

/**
 * Ends this process once it holds more than a number of bytes, or its parent is gone: from a thread of its own, since
 * what it runs keeps the main one busy, in the worst case for ever. With nothing to do and no parent it ends by itself.
 * @returns sets the number anew
 */
export function watchProcess(maxBytes: number): (maxBytes: number) => void {
  const bound = new Float64Array(new SharedArrayBuffer(8));
  bound[0] = maxBytes;
  new Worker(WATCH, { eval: true, workerData: bound }).unref();
  return (bytes) => {
    bound[0] = bytes;
  };
}

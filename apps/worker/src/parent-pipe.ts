import { createReadStream } from 'node:fs';

/** Calls back once the parent that holds our standard input is gone, however it went. */
export function onParentGone(callback: () => void): void {
  const pipe = createReadStream('', { fd: 0 });
  pipe.on('end', callback);
  pipe.on('error', callback);
  pipe.resume();
}

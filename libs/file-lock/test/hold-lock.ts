import { FileLock } from '../src/index.ts';

/** Takes the lock that it is told, says so, and holds it until it is killed. */
await FileLock.take(process.argv[2]);
process.send?.('taken');
setInterval(() => undefined, 1000);

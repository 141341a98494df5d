/** A process with a compute child in the middle of a long run; prints the child's pid. */
import { CPU_SHAPE_PLAN } from '@blockpruner/blocks';
import { SessionProcess } from '../src/index.ts';
import { loadRequest } from './load-request.ts';

const folder = process.argv[2];
const session = new SessionProcess(
  {
    onLoading: () => undefined,
    onStarted: () => undefined,
    onCells: () => undefined,
    onDone: () => undefined,
    onFailed: () => undefined,
    onExit: () => undefined,
  },
  process.env,
);
await session.load(loadRequest(folder));
session.evaluate({
  taskId: 'long',
  sweep: { base: [], candidates: Array.from({ length: 24 }, (_, block) => block), baseline: true },
  rows: [{ index: 0, tokenIds: Int32Array.from({ length: 8000 }, (_, i) => i % 300) }],
  plan: CPU_SHAPE_PLAN,
  inFp32: false,
});
setTimeout(() => process.stdout.write(`${session.pid}\n`), 500);

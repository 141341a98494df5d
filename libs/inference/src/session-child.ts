/**
 * Main of the compute child: loads one model and evaluates sweeps, one at a time. onnxruntime blocks its thread
 * for the length of a run, so this process answers nobody but its parent, between runs.
 */
import { Worker } from 'node:worker_threads';
import { describeRunFailure, isAllocationFailure, isProviderFailure } from './allocation-failure.ts';
import { DeviceError } from './device-error.ts';
import type {
  EvaluateRequest,
  LoadRequest,
  SessionReply,
  SessionRequest,
  TaskFailure,
} from './session-message.ts';
import { NonFiniteError } from './non-finite-error.ts';
import { SessionModel } from './session-model.ts';

// Blocks on standard input, which the parent holds open: when the parent dies, however it dies, the pipe ends and
// this process goes at once, even in the middle of a run.
new Worker(
  `const { readSync } = require('node:fs');
   try { while (readSync(0, Buffer.alloc(1)) > 0); } catch {}
   process.kill(process.pid, 'SIGKILL');`,
  { eval: true },
);
// Ctrl-C reaches the whole process group; the parent decides.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

let model: SessionModel | undefined;
let work = Promise.resolve();
const running = new Map<string, AbortController>();

process.on('message', (message: SessionRequest) => {
  switch (message.kind) {
    case 'load':
      work = work.then(() => load(message.request));
      break;
    case 'evaluate':
      running.set(message.request.taskId, new AbortController());
      work = work.then(() => evaluate(message.request));
      break;
    case 'cancel':
      running.get(message.taskId)?.abort();
      break;
  }
});

async function load(request: LoadRequest): Promise<void> {
  try {
    model = await SessionModel.load(request, (doneBytes, totalBytes, what) =>
      reply({ kind: 'loading', what, doneBytes, totalBytes }),
    );
    reply({ kind: 'loaded', model: model.loaded });
  } catch (error) {
    reply({
      kind: 'load-failed',
      reason: failureOf(error).reason,
      isOfDevice: error instanceof DeviceError,
    });
  }
}

async function evaluate({ taskId, sweep, rows, plan, inFp32 }: EvaluateRequest): Promise<void> {
  const startedMs = performance.now();
  const signal = running.get(taskId)?.signal;
  try {
    signal?.throwIfAborted();
    if (model === undefined) throw new Error('no model is loaded');
    reply({ kind: 'started', taskId });
    const evaluator = await model.evaluatorFor(inFp32);
    await evaluator.evaluate(sweep, rows, plan, (cells) => reply({ kind: 'cells', taskId, cells }), signal);
    reply({ kind: 'done', taskId, computeSeconds: (performance.now() - startedMs) / 1000 });
  } catch (error) {
    if (signal?.aborted) return;
    reply({ kind: 'failed', taskId, failure: failureOf(error) });
  } finally {
    running.delete(taskId);
  }
}

function reply(message: SessionReply): void {
  // The channel is gone only when the parent is: the watch above ends this process.
  if (process.connected) process.send?.(message);
}

function failureOf(error: unknown): TaskFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NonFiniteError) return { cause: 'non-finite', reason: message };
  if (isAllocationFailure(message)) {
    return { cause: 'out-of-memory', reason: `out of memory: ${describeRunFailure(message)}` };
  }
  if (isProviderFailure(message)) return { cause: 'provider', reason: describeRunFailure(message) };
  return { cause: 'request', reason: message.split('\n')[0] };
}

/**
 * Main of the compute child: loads one model and evaluates sweeps, one at a time. onnxruntime blocks its thread
 * for the length of a run, so this process answers nobody but its parent, between runs.
 */
import { DeviceError } from './device-error.ts';
import { endWithParent } from './end-with-parent.ts';
import type { EvaluateRequest, LoadRequest, SessionReply, SessionRequest } from './session-message.ts';
import { SessionModel } from './session-model.ts';
import { failureOf } from './task-failure.ts';

endWithParent();

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

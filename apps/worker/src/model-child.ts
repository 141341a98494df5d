/**
 * Main of the process that holds one model for a command of the coordinator, and runs it for whatever it is asked for,
 * one thing at a time. onnxruntime blocks its thread for the length of a run, so it answers nobody but its parent, and
 * ends with it.
 */
import type { LoadedModel, LoadRequest, ModelAsk, ModelReply, ModelTasks } from '@blockpruner/generation';
import { endWithParent, failureOf, gpuInfo, ModelRunner, resolveDtype } from '@blockpruner/inference';

endWithParent();

type Handlers = {
  [Kind in keyof ModelTasks]: (
    request: ModelTasks[Kind]['request'],
    emit: (event: ModelTasks[Kind]['event']) => void,
  ) => Promise<ModelTasks[Kind]['result']>;
};

const HANDLERS: Handlers = {
  load,
  score: (request) => loadedRunner().score(request),
  generate: (request, emit) => loadedRunner().generate(request, emit),
  heal: (request, emit) => loadedRunner().heal(request, emit),
  measure: (request) => loadedRunner().measure(request),
};

let runner: ModelRunner | undefined;
let work = Promise.resolve();

process.on('message', (ask: ModelAsk) => {
  work = work.then(() => answer(ask));
});

async function answer(ask: ModelAsk): Promise<void> {
  try {
    const handle = HANDLERS[ask.kind] as (
      request: ModelAsk['request'],
      emit: (event: ModelTasks[keyof ModelTasks]['event']) => void,
    ) => Promise<ModelTasks[keyof ModelTasks]['result']>;
    const result = await handle(ask.request, (event) => reply({ kind: 'event', event }));
    reply({ kind: 'result', result });
  } catch (error) {
    const { cause, reason } = failureOf(error);
    // Where there is no memory, V8 throws a RangeError too.
    reply({ kind: 'failed', reason, isOfRequest: cause === 'request' && error instanceof RangeError });
  }
}

async function load(
  request: LoadRequest,
  emit: (event: ModelTasks['load']['event']) => void,
): Promise<LoadedModel> {
  const index = /^cuda:(\d+)$/.exec(request.device)?.[1];
  const gpu = index === undefined ? undefined : gpuInfo(Number(index), process.env.CUDA_VISIBLE_DEVICES);
  const dtype = resolveDtype(request.dtype, request.device, gpu);
  await runner?.close();
  runner = await ModelRunner.open(request, dtype, (doneBytes, totalBytes, what) =>
    emit({ doneBytes, totalBytes, what }),
  );
  return runner.loaded;
}

function loadedRunner(): ModelRunner {
  if (runner === undefined) throw new Error('no model is loaded');
  return runner;
}

function reply(message: ModelReply): void {
  // The channel is gone only when the parent is: then this process ends.
  if (process.connected) process.send?.(message);
}

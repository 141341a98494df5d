import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { ModelShape } from '@blockpruner/blocks';
import { windowCount, type Cell } from '@blockpruner/perplexity';
import { FleetClient, PROTOCOL_VERSION, type CoordinatorMessage, type WireTask } from '@blockpruner/wire';
import type { Benchmark } from './benchmark.ts';
import { fixed, tableOf } from './figures.ts';
import { progress } from './progress.ts';

/** What the coordinator's process is told. */
export interface CoordinatorRequest {
  readonly shape: ModelShape;
  readonly rows: number;
  readonly rowTokens: number;
  readonly workers: number;
  readonly taskMs: number;
}

/** What it measured of itself while it handed out one sweep. */
export interface CoordinatorFigures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly assignments: number;
  /** With all workers connected, before the sweep. */
  readonly idleRssBytes: number;
  readonly rssBytes: number;
  /** Protocol faults and lost workers. */
  readonly faults: number;
}

const PLAN = { microBatchRows: 1, segmentCandidates: 1, headChunkTokens: 256, rowBucketTokens: 1 };

export const coordinatorBenchmark: Benchmark = {
  summary: `What a coordinator costs: the real driver over real gRPC in a process of its own, and as many workers as asked for in
this one, which compute nothing, wait as long as a cell would take, and answer. One sweep, tasks of one cell.`,
  options: {
    workers: {
      placeholder: '<n>',
      description: 'workers, each with a connection',
      value: '1000',
      quick: '20',
    },
    'task-ms': {
      placeholder: '<n>',
      description: 'how long a cell takes a worker',
      value: '1000',
      quick: '50',
    },
    layers: {
      placeholder: '<n>',
      description: 'layers of the model, two candidates each',
      value: '80',
      quick: '4',
    },
    rows: { placeholder: '<n>', description: 'rows', value: '128', quick: '8' },
    tokens: { placeholder: '<n>', description: 'tokens a row', value: '2048', quick: '64' },
  },
  examples: ['coordinator --json coordinator.json', 'coordinator --workers 100 --task-ms 100'],
  async run(options) {
    const request: CoordinatorRequest = {
      shape: shapeOf(options.integer('layers')),
      rows: options.integer('rows'),
      rowTokens: options.integer('tokens', 2),
      workers: options.integer('workers'),
      taskMs: options.integer('task-ms'),
    };
    const figures = await measure(request);
    const { workers, taskMs, rows, shape } = request;
    const cells = rows * (2 * shape.layerCount + 1);
    const table = tableOf([figures], {
      workers: () => workers,
      'assignments/s': ({ assignments, seconds }) => fixed(assignments / seconds, 0),
      wanted: () => fixed((1000 * workers) / taskMs, 0),
      s: ({ seconds }) => fixed(seconds, 1),
      'least s': () => fixed((cells * taskMs) / 1000 / workers, 1),
      'CPU s': ({ cpuSeconds }) => fixed(cpuSeconds, 1),
      'CPU ms an assignment': ({ cpuSeconds, assignments }) => fixed((1000 * cpuSeconds) / assignments),
      'MiB idle': ({ idleRssBytes }) => fixed(idleRssBytes / 2 ** 20, 0),
      'MiB at the end': ({ rssBytes }) => fixed(rssBytes / 2 ** 20, 0),
      'KiB a worker': ({ idleRssBytes }) => fixed(idleRssBytes / 1024 / workers, 0),
      faults: ({ faults }) => faults,
    });
    const notes = [
      'wanted: one task a worker in each task time. least s: all cells at that rate. MiB a worker has the empty process in it.',
    ];
    return { results: { ...request, ...figures }, findings: [{ title: 'One sweep', table, notes }] };
  },
};

async function measure(request: CoordinatorRequest): Promise<CoordinatorFigures> {
  const child = fork(join(import.meta.dirname, 'coordinator-process.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const clients: FleetClient[] = [];
  try {
    return await new Promise<CoordinatorFigures>((resolve, reject) => {
      child.once('exit', (code, signal) => reject(new Error(`the coordinator ended: ${signal ?? code}`)));
      child.on(
        'message',
        (message: { kind: 'listening'; port: number } | { kind: 'done'; figures: CoordinatorFigures }) => {
          if (message.kind === 'done') return resolve(message.figures);
          progress(`connecting ${request.workers} workers`);
          for (let i = 0; i < request.workers; i++) clients.push(connect(i, message.port, request));
        },
      );
      child.send(request);
    });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    child.removeAllListeners('exit');
    child.kill('SIGKILL');
  }
}

/** A worker that waits instead of computing. */
function connect(index: number, port: number, { taskMs }: CoordinatorRequest): FleetClient {
  const tasks: WireTask[] = [];
  const work = (): void => {
    const task = tasks[0];
    const cells = cellsOf(task);
    setTimeout(() => {
      if (cells.length > 0) client.send({ kind: 'cells', taskId: task.taskId, cells });
      client.send({ kind: 'taskDone', taskId: task.taskId, computeSeconds: taskMs / 1000 });
      tasks.shift();
      if (tasks.length > 0) work();
    }, taskMs * cells.length);
  };
  const receive = (message: CoordinatorMessage): void => {
    if (message.kind === 'welcome') {
      client.send({ kind: 'ready', modelFingerprint: 'bench', shapePlan: PLAN, peakFlopsPerSecond: 0 });
      setInterval(() => client.send({ kind: 'heartbeat', taskId: null }), message.heartbeatMs).unref();
    }
    if (message.kind === 'assign' && tasks.push(message.task) === 1) work();
  };
  const client = new FleetClient({
    address: `127.0.0.1:${port}`,
    hello: () => ({
      kind: 'hello',
      protocolMin: PROTOCOL_VERSION,
      protocolMax: PROTOCOL_VERSION,
      workerId: `worker-${index}`,
      name: `worker-${index}`,
      numericClass: 'bench',
      device: 'bench',
      memoryBytes: 2 ** 30,
      threads: 1,
      version: '0.1.0',
    }),
    handlers: { onMessage: receive, onClosed: () => undefined },
  });
  client.connect();
  return client;
}

function cellsOf({ base, candidates, baseline, rows }: WireTask): Cell[] {
  return rows.flatMap(({ index, tokenIds }) =>
    (baseline ? [...candidates, null] : candidates).map((candidate) => ({
      mask: base,
      candidate,
      row: index,
      windowSums: new Float64Array(windowCount(tokenIds.length)).fill(32),
    })),
  );
}

/** Every block costs the same, and the head nothing to speak of: cells differ in cost as their walks do. */
function shapeOf(layerCount: number): ModelShape {
  const sizes = {
    hiddenSize: 64,
    intermediateSize: 128,
    headCount: 4,
    kvHeadCount: 4,
    headSize: 16,
    vocabSize: 4096,
  };
  return { layerCount, ...sizes, mhaParameters: 1, mlpParameters: 1, totalParameters: 4 * layerCount };
}

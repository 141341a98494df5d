/**
 * Main of a process that evaluates on one device, as the compute child of a worker does, and measures itself: reads
 * an `EvaluateRequest` from standard input, prints an `EvaluateReport`.
 */
import { readFileSync } from 'node:fs';
import { openCheckpoint } from '@blockpruner/checkpoint';
import * as ort from 'onnxruntime-node';
import { SweepEvaluator } from '../src/index.ts';
import type { EvaluateReport, EvaluateRequest, MemorySample } from './evaluate.ts';
import { gpuMemoryUsedBytes } from './gpu-memory.ts';

const request = JSON.parse(readFileSync(0, 'utf8')) as EvaluateRequest;
const sessions: ort.InferenceSession[] = [];
if (request.profileFilePrefix !== undefined) profileSessions(request.profileFilePrefix);

const checkpoint = await openCheckpoint(request.modelPath, { cacheFolder: request.cacheFolder });
const { device, dtype } = request;
const evaluator = await SweepEvaluator.load(checkpoint, { device, dtype, threads: 1, stateBudgetBytes: 0 });
const rounds: EvaluateReport['rounds'] = [];
const memory: MemorySample[] = [];
for (const [index, { rows, sweep, plan, isSampled, hasCells }] of request.rounds.entries()) {
  const cells: EvaluateReport['rounds'][number]['cells'] = [];
  const startedMs = performance.now();
  await evaluator.evaluate(
    sweep,
    rows.map((tokenIds, row) => ({ index: row, tokenIds: Int32Array.from(tokenIds) })),
    plan,
    (batch) => {
      if (!hasCells) return;
      for (const { candidate, row, windowSums } of batch)
        cells.push({ candidate, row, windowSums: [...windowSums] });
    },
  );
  rounds.push({ seconds: (performance.now() - startedMs) / 1000, cells });
  if (isSampled) memory.push({ round: index, gpuBytes: gpuBytes(), hostBytes: process.memoryUsage.rss() });
}
if (request.profileFilePrefix !== undefined) sessions.forEach((session) => session.endProfiling());
await evaluator.close();
process.stdout.write(JSON.stringify({ rounds, memory } satisfies EvaluateReport));

function gpuBytes(): number[] {
  return device === 'cpu' ? [] : gpuMemoryUsedBytes();
}

/** The profile of what the evaluator itself runs: its sessions are made with onnxruntime's profiler on. */
function profileSessions(profileFilePrefix: string): void {
  const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (
    model: Uint8Array,
    options: ort.InferenceSession.SessionOptions,
  ) => Promise<ort.InferenceSession>;
  Object.assign(ort.InferenceSession, {
    create: async (model: Uint8Array, options: ort.InferenceSession.SessionOptions) => {
      const session = await create(model, { ...options, enableProfiling: true, profileFilePrefix });
      sessions.push(session);
      return session;
    },
  });
}

import { readFileSync } from 'node:fs';
import { SessionProcess, type EvaluateRequest, type LoadRequest } from '@blockpruner/inference';
import { computeEnvironment } from '../apps/worker/src/compute-environment.ts';

/** Between two looks at what a process holds: short beside a run, whose peak lasts. */
const SAMPLE_MS = 10;

/** What a process held at its peak. */
export interface Peak {
  /** `VmHWM`: the most that was ever resident, mapped files included. */
  readonly residentBytes: number;
  /** The most of it that was of no file (`RssAnon`), in samples: what no other process can share. */
  readonly privateBytes: number;
  /** The most of it that was of mapped files (`RssFile`), in samples: once for all processes that map them. */
  readonly fileBytes: number;
}

/**
 * Loads a model into a compute process of its own, has it do one task, and ends it.
 * @throws Error when the model cannot be loaded, or the task fails
 */
export async function peakOfTask(load: LoadRequest, task: EvaluateRequest): Promise<Peak> {
  const done = Promise.withResolvers<void>();
  const fail = (reason: string): void => done.reject(new Error(`${load.modelPath}: ${reason}`));
  const child = new SessionProcess(
    {
      onLoading: () => undefined,
      onStarted: () => undefined,
      onCells: () => undefined,
      onDone: () => done.resolve(),
      onFailed: (_task, { reason }) => fail(reason),
      onExit: fail,
    },
    computeEnvironment(process.env),
  );
  let peak: Peak = { residentBytes: 0, privateBytes: 0, fileBytes: 0 };
  const sample = (): void => {
    peak = higher(peak, statusOf(child.pid));
  };
  const sampler = setInterval(sample, SAMPLE_MS);
  try {
    await child.load(load);
    child.evaluate(task);
    await done.promise;
    sample();
    return peak;
  } finally {
    clearInterval(sampler);
    child.close();
  }
}

function higher(a: Peak, b: Peak): Peak {
  return {
    residentBytes: Math.max(a.residentBytes, b.residentBytes),
    privateBytes: Math.max(a.privateBytes, b.privateBytes),
    fileBytes: Math.max(a.fileBytes, b.fileBytes),
  };
}

function statusOf(pid: number | undefined): Peak {
  let status = '';
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    // Not started yet, or gone: whoever waits for it says so.
  }
  // What /proc calls kB are 1024 bytes.
  const bytes = (field: string): number =>
    1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  return { residentBytes: bytes('VmHWM'), privateBytes: bytes('RssAnon'), fileBytes: bytes('RssFile') };
}

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ShapePlan, Sweep } from '@blockpruner/blocks';
import { rowMeanNats } from '@blockpruner/perplexity';
import type { SessionOptions } from '../src/evaluation-session.ts';

const CHILD_MAIN = join(import.meta.dirname, 'evaluate-child.ts');

/** One call of `SweepEvaluator.evaluate`. */
export interface Round {
  readonly rows: readonly (readonly number[])[];
  readonly sweep: Sweep;
  readonly plan: ShapePlan;
  /** Whether memory is measured behind it. */
  readonly isSampled?: boolean;
  readonly hasCells?: boolean;
}

export interface EvaluateRequest {
  readonly modelPath: string;
  readonly cacheFolder: string;
  readonly device: string;
  readonly dtype: SessionOptions['dtype'];
  readonly rounds: readonly Round[];
  readonly profileFilePrefix?: string;
}

export interface MemorySample {
  readonly round: number;
  /** Of each GPU of the machine, in the order of nvidia-smi. */
  readonly gpuBytes: readonly number[];
  readonly hostBytes: number;
}

export interface EvaluateReport {
  readonly rounds: {
    readonly seconds: number;
    readonly cells: { candidate: number | null; row: number; windowSums: number[] }[];
  }[];
  readonly memory: readonly MemorySample[];
}

/**
 * Evaluates in a process of its own, which is how workers do it and what gives each dtype and environment a CUDA
 * context of its own.
 * @param kill ends the process at once
 * @throws Error with what the process said when it fails
 */
export async function evaluate(
  request: EvaluateRequest,
  environment: NodeJS.ProcessEnv = process.env,
  kill?: AbortSignal,
): Promise<EvaluateReport> {
  const child = spawn(process.execPath, [CHILD_MAIN], { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  kill?.addEventListener('abort', () => child.kill('SIGKILL'));
  let output = '';
  let errors = '';
  child.stdout.on('data', (piece: Buffer) => (output += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
  // A process that ends before it has read its request says why on its own.
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(request));
  const status = await new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  if (status === 'code 0') return JSON.parse(output) as EvaluateReport;
  const said = /^\w*Error: (.*)$/m.exec(errors)?.[1] ?? errors.trim().slice(-300);
  throw new Error(`${said} (the process ended with ${status})`);
}

/** Row means in nats by candidate and row. */
export function rowMeans({ cells }: EvaluateReport['rounds'][number], { rows }: Round): Map<string, number> {
  return new Map(
    cells.map(({ candidate, row, windowSums }) => [
      `${candidate}/${row}`,
      rowMeanNats(Float64Array.from(windowSums), rows[row].length - 1),
    ]),
  );
}

/** The largest difference of two tables of row means; NaN where one lacks a value or it is not finite. */
export function largestDifference(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  if (a.size !== b.size) return NaN;
  return Math.max(...[...a].map(([key, value]) => Math.abs(value - (b.get(key) ?? NaN))));
}

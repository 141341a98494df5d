import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { RUNTIMES_PYTHON, RUNTIME_SCRIPTS } from '../../tools/reference/runtimes/runtimes-python.ts';

const ERROR_LINES = 20;

export type Runtime = 'transformers' | 'mlx' | 'genai' | 'llamacpp';

export interface RuntimeJob {
  /** A folder, or a .gguf file. */
  readonly model: string;
  readonly rows: readonly Int32Array[];
  readonly prompt: Int32Array;
  readonly greedyTokens: number;
  /** Blocks that add zeros, of transformers only: `mha.3`. */
  readonly removed?: readonly string[];
}

export interface RuntimeAnswer {
  /** Mean next-token negative log-likelihood of each row. */
  readonly rowNats: readonly number[];
  /** sha256 of the logits of all rows. */
  readonly logitsHash: string;
  /** Greedy continuation of the prompt by the runtime's own loop. */
  readonly generated: readonly number[];
  /** The same token by token, with keys and values kept. */
  readonly cached: readonly number[];
  /** What the sequence computed in one go puts in the same places. */
  readonly uncached: readonly number[];
}

/** A process of Python with one runtime loaded, which answers one job after the other. */
export class RuntimeProcess {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly answers: AsyncIterator<string>;
  private lastErrors: string[] = [];

  constructor(runtime: Runtime) {
    const env = { ...process.env, CUDA_VISIBLE_DEVICES: '', HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' };
    this.child = spawn(RUNTIMES_PYTHON, [join(RUNTIME_SCRIPTS, `run_${runtime}.py`)], { env });
    this.child.on('error', ({ message }) => this.lastErrors.push(message));
    this.child.stdin.on('error', ({ message }) => this.lastErrors.push(message));
    this.answers = createInterface(this.child.stdout)[Symbol.asyncIterator]();
    createInterface(this.child.stderr).on('line', (line) => {
      this.lastErrors = [...this.lastErrors, line].slice(-ERROR_LINES);
    });
  }

  /** @throws Error with what Python said, where the job fails or the process ends, or where a row or token is missing */
  async run({ rows, prompt, ...job }: RuntimeJob): Promise<RuntimeAnswer> {
    const line = { ...job, rows: rows.map((row) => [...row]), prompt: [...prompt] };
    this.child.stdin.write(`${JSON.stringify(line)}\n`);
    const next = await this.answers.next();
    if (next.done) throw new Error(`the runtime ended: ${this.lastErrors.join('\n')}`);
    const answer = JSON.parse(next.value) as RuntimeAnswer | { readonly error: string };
    if ('error' in answer) throw new Error(answer.error);
    const counts = [answer.rowNats, answer.cached, answer.uncached].map(({ length }) => length);
    if (counts.join() !== [rows.length, job.greedyTokens, job.greedyTokens].join()) {
      throw new Error(
        `${rows.length} rows and ${job.greedyTokens} tokens were wanted, and came as ${counts.join()}`,
      );
    }
    return answer;
  }

  close(): void {
    this.child.kill();
  }
}

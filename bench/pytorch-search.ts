import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SCRIPT = join(import.meta.dirname, 'reference/search.py');

/** One way to write the search's loop in PyTorch. */
export interface Variant {
  readonly name: string;
  /** Whether it is the loss path of the paper's own script, rather than one of the faster ways. */
  readonly isReference: boolean;
  readonly dtype: 'float32' | 'bfloat16';
  readonly batch: number;
  readonly chunk?: number;
  readonly compile?: boolean;
}

/**
 * The paper's own, and the ways that were the fastest of those tried on two-core machines: which one wins depends on the
 * caches and on whether the CPU has bfloat16 products.
 */
export const VARIANTS: readonly Variant[] = [
  { name: 'reference, fp32', isReference: true, dtype: 'float32', batch: 8 },
  { name: 'reference, bf16', isReference: true, dtype: 'bfloat16', batch: 8 },
  ...(['float32', 'bfloat16'] as const).flatMap((dtype) => {
    const type = dtype === 'float32' ? 'fp32' : 'bf16';
    return [
      { name: `fast, ${type}, batch 1`, isReference: false, dtype, batch: 1, chunk: 64 },
      { name: `fast, ${type}, batch 16`, isReference: false, dtype, batch: 16, chunk: 256 },
      { name: `fast, ${type}, compiled`, isReference: false, dtype, batch: 16, chunk: 256, compile: true },
    ];
  }),
];

/** What reference/search.py prints. */
export interface Measured {
  readonly versions: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly denseScore: number;
  readonly evaluations: readonly {
    readonly removed: number;
    readonly score: number;
    readonly seconds: number;
    readonly cpuSeconds: number;
  }[];
}

/** @throws Error when Python fails; its message ends with the last line of stderr */
export async function measureVariant(
  variant: Variant,
  run: {
    readonly python: string;
    readonly modelFolder: string;
    readonly rowsFile: string;
    readonly remove: number;
    readonly evaluations: number;
  },
): Promise<Measured> {
  const { python, modelFolder, rowsFile, remove, evaluations } = run;
  const words = [
    SCRIPT,
    ...['--model', modelFolder, '--rows', rowsFile, '--dtype', variant.dtype],
    ...['--loss', variant.isReference ? 'reference' : 'chunked', '--batch', String(variant.batch)],
    ...['--remove', String(remove), '--evaluations', String(evaluations)],
    ...(variant.chunk === undefined ? [] : ['--chunk', String(variant.chunk)]),
    ...(variant.compile ? ['--compile'] : []),
  ];
  const env = { ...process.env, CUDA_VISIBLE_DEVICES: '', HF_HUB_OFFLINE: '1' };
  try {
    const { stdout } = await promisify(execFile)(python, words, { env, maxBuffer: 2 ** 24 });
    return JSON.parse(stdout) as Measured;
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new Error(`${variant.name}: ${stderr.trimEnd().split('\n').at(-1) || message}`, { cause: error });
  }
}

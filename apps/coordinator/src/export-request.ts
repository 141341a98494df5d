import { resolve } from 'node:path';
import type { Dtype } from '@blockpruner/checkpoint';
import { ExportError, requireFreeOutput } from '@blockpruner/export';
import { requireSetting, type ResolvedSettings } from './resolve-settings.ts';
import { UsageError } from './usage-error.ts';

/** What is to be exported, as far as the options alone say. */
export interface ExportRequest {
  readonly format: ExportFormat;
  /** As it was given. */
  readonly dtype: string;
  /** Absolute; nothing is there yet. */
  readonly output: string;
  readonly heal: boolean;
  readonly check: boolean;
}

/** A form with its own options; a dtype of `source` is what the source has. */
export type ExportFormat =
  | { readonly to: 'hf'; readonly dtype: 'source' | Dtype; readonly compat: boolean }
  | { readonly to: 'onnx'; readonly dtype: 'source' | Dtype | 'int4' }
  | { readonly to: 'gguf'; readonly type: 'source' | 'f32' | 'f16' | 'q8_0' }
  | { readonly to: 'mask' };

type ExportSettings = ResolvedSettings<'to' | 'output' | 'exportDtype' | 'compat' | 'heal' | 'skipCheck'>;

const DTYPES = { auto: 'source', fp32: 'float32', fp16: 'float16', bf16: 'bfloat16' } as const;
const GGUF_TYPES = { auto: 'source', fp32: 'f32', fp16: 'f16', q8_0: 'q8_0' } as const;

/** @throws UsageError for options that do not go together, and for an output that is there already */
export async function readExportRequest(settings: ExportSettings): Promise<ExportRequest> {
  const format = readFormat(settings);
  const { heal = false, skipCheck = false } = settings.values;
  if (heal && (format.to === 'mask' || (format.to === 'hf' && format.compat))) {
    throw new UsageError(
      `--heal changes weights, which ${format.to === 'mask' ? '--to mask' : '--compat'} leaves as they are: leave out one of the two`,
    );
  }
  const output = resolve(requireSetting(settings, 'output'));
  await requireFreeOutput(output).catch((error: unknown) => {
    throw error instanceof ExportError ? new UsageError(`--output ${error.message}`) : error;
  });
  return { format, dtype: requireSetting(settings, 'exportDtype'), output, heal, check: !skipCheck };
}

function readFormat(settings: ExportSettings): ExportFormat {
  const to = requireSetting(settings, 'to');
  const dtype = requireSetting(settings, 'exportDtype');
  const { compat = false } = settings.values;
  if (compat && to !== 'hf') throw new UsageError(`--compat is of --to hf, not of --to ${to}: leave it out`);
  switch (to) {
    case 'hf':
      return { to, dtype: oneOf(DTYPES, dtype, to), compat };
    case 'onnx':
      return { to, dtype: oneOf({ ...DTYPES, int4: 'int4' } as const, dtype, to) };
    case 'gguf':
      return { to, type: oneOf(GGUF_TYPES, dtype, to) };
    case 'mask':
      oneOf({ auto: 'source' }, dtype, to);
      return { to };
  }
}

function oneOf<T>(known: Readonly<Record<string, T>>, dtype: string, to: string): T {
  if (Object.hasOwn(known, dtype)) return known[dtype];
  throw new UsageError(
    `--dtype ${dtype} does not go with --to ${to}: that takes ${Object.keys(known).join(', ')}`,
  );
}

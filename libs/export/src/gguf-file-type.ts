import type { GgufModel } from '@blockpruner/checkpoint';
import type { GgufOutput } from './gguf-encoding.ts';
import { tensorBytes } from './planned-tensor.ts';

/** Of what most weights are, as `llama_ftype` of llama.h numbers it, by the name that files carry. */
const FILE_TYPES: Readonly<Record<string, number>> = {
  ...{ F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q8_0: 7, Q5_0: 8, Q5_1: 9, Q2_K: 10, Q3_K_S: 11, Q3_K_M: 12 },
  ...{ Q3_K_L: 13, Q4_K_S: 14, Q4_K_M: 15, Q5_K_S: 16, Q5_K_M: 17, Q6_K: 18, BF16: 32 },
};
/** For types of which no file is said to be. */
const UNNAMED: Readonly<Record<string, string>> = { Q4_K: 'Q4_K_M', Q5_K: 'Q5_K_M' };

/** What a file is called by its weights. */
export interface GgufFileType {
  readonly name: string;
  /** Of `general.file_type`. */
  readonly number: number;
}

/**
 * What most bytes of the matrices are of.
 * @param gguf whose weights are copied, so that what it says of itself stays true; null otherwise
 */
export function ggufFileType(tensors: readonly GgufOutput[], gguf: GgufModel | null): GgufFileType {
  const said = gguf?.first.metadata['general.file_type'];
  const known = Object.keys(FILE_TYPES).find((name) => FILE_TYPES[name] === said);
  if (known !== undefined) return { name: known, number: FILE_TYPES[known] };
  const bytes = new Map<string, number>();
  for (const tensor of tensors) {
    if (tensor.shape.length === 1) continue;
    bytes.set(tensor.typeName, (bytes.get(tensor.typeName) ?? 0) + tensorBytes(tensor));
  }
  const [[most]] = [...bytes].sort(([, a], [, b]) => b - a);
  const name = UNNAMED[most] ?? most;
  return { name, number: FILE_TYPES[name] };
}

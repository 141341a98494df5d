import { basename } from 'node:path';
import type { PrunedModel } from './pruned-model.ts';

/** A snapshot in the cache of the hub. */
const SNAPSHOT = /(?:^|\/)models--(?:[^/]*--)?([^/]+)\/snapshots\/[^/]+$/;
/** The number of a part, and the type of the weights: neither is of the model. */
const FILE_ENDING = /(-\d{5}-of-\d{5})?\.gguf$/i;
const TYPE_ENDING = /[.-](f32|f16|bf16|i?q\d\w*)$/i;

/** What a pruned model is called after the one that it comes from, e.g. `SmolLM2-135M-Instruct-pruned8`. */
export function prunedModelName({ mask, source }: Pick<PrunedModel, 'mask' | 'source'>): string {
  const { sourcePath } = source;
  const name = SNAPSHOT.exec(sourcePath)?.[1] ?? basename(sourcePath);
  const plain = name.replace(FILE_ENDING, '');
  const base = plain === name ? name : plain.replace(TYPE_ENDING, '');
  return mask.length === 0 ? base : `${base}-pruned${mask.length}`;
}

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TinyModelName } from './tiny-models.ts';

/** Numbers of the tiny models computed by transformers in fp32; `tools/reference` makes them. */
export interface TinyModelReference {
  readonly transformers: string;
  readonly torch: string;
  readonly models: Readonly<Record<TinyModelName, TinyReferenceNumbers>>;
}

/** Mean next-token negative log-likelihood of each reference row, nats, 9 significant digits. */
interface TinyReferenceNumbers {
  readonly dense: readonly number[];
  /** By the mask's text form (`mha.3+mlp.7`): every single block, and three masks of two. */
  readonly masks: Readonly<Record<string, readonly number[]>>;
}

/** Reads the committed reference numbers. */
export function tinyModelReference(): TinyModelReference {
  const file = path.join(import.meta.dirname, '../fixtures/tiny-models.json');
  return JSON.parse(readFileSync(file, 'utf8')) as TinyModelReference;
}

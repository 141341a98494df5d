import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Four iterations of the paper's search on a real model, computed in fp32 by PyTorch. Scores are in nats. */
interface Smollm2Golden {
  readonly model: string;
  readonly computed_by: string;
  readonly text: string;
  /** How `score` is defined. */
  readonly score: string;
  /** Four rows of 256 tokens: no tokenizer is involved. */
  readonly token_ids: readonly (readonly number[])[];
  readonly dense: { readonly score: number; readonly perplexity: number; readonly rows: readonly number[] };
  readonly iterations: readonly Smollm2GoldenIteration[];
}

/** One decision: what was removed, its lead over the second best, and every candidate that was scored. */
interface Smollm2GoldenIteration {
  readonly iteration: number;
  readonly removed: string;
  readonly score: number;
  readonly perplexity: number;
  readonly margin: number;
  readonly candidates: readonly Smollm2GoldenCandidate[];
}

/** A candidate's score, and the mean of each row it is the mean of. */
interface Smollm2GoldenCandidate {
  readonly block: string;
  readonly score: number;
  readonly rows: readonly number[];
}

/** Reads the committed golden numbers of SmolLM2-135M-Instruct. */
export function smollm2Golden(): Smollm2Golden {
  const file = path.join(import.meta.dirname, '../fixtures/smollm2-mix-4x256-k4.json');
  return JSON.parse(readFileSync(file, 'utf8')) as Smollm2Golden;
}

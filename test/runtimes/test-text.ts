import { smollm2Golden, tinyReferenceRows } from '@blockpruner/testkit';
import type { Case } from './case.ts';

/** Rows to score, the prompt to continue, and how far: what all runtimes are given of a model. */
export interface TestText {
  readonly rows: readonly Int32Array[];
  readonly prompt: Int32Array;
  readonly greedyTokens: number;
}

const ROW_TOKENS = 128;
const PROMPT_TOKENS = 16;

/** @param greedyTokens how far the prompt is continued */
export function testText(model: Case['model'], greedyTokens: number): TestText {
  const rows =
    model === 'smollm2'
      ? smollm2Golden()
          .token_ids.slice(0, 2)
          .map((ids) => Int32Array.from(ids).subarray(0, ROW_TOKENS))
      : tinyReferenceRows(model);
  return { rows, prompt: rows[0].subarray(0, PROMPT_TOKENS), greedyTokens };
}

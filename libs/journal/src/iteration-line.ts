import type { DecisionRecord } from './decision-record.ts';
import { encodeJson } from './json-fields.ts';

/** One line of `iterations.jsonl`, newline included. */
export function iterationLine(decision: DecisionRecord): string {
  const { iteration, removed, score, perplexity, margin, candidates, seconds, ...rest } = decision;
  return `${encodeJson({ iteration, removed, score, perplexity, margin, candidates, seconds, ...rest })}\n`;
}

import { parseBlock } from '@blockpruner/blocks';
import { readArray, readInteger, readNumber, readObject, readString } from './json-fields.ts';

/** The dense model's score. Nats; `rows` in row order. */
export interface DenseRecord {
  readonly score: number;
  readonly perplexity: number;
  readonly rows: readonly number[];
}

/** What one candidate of an iteration scored, and over how many rows. */
interface CandidateRecord {
  /** Text form, `mha.3`. */
  readonly block: string;
  readonly score: number;
  readonly rowCount: number;
}

/** One decision of a search as it is journaled, and a line of `iterations.jsonl`. Scores and margin in nats. */
export interface DecisionRecord {
  /** From 1. */
  readonly iteration: number;
  /** Text form, `mha.3`. */
  readonly removed: string;
  readonly score: number;
  readonly perplexity: number;
  /** Runner-up's score minus the winner's; null where there was only one candidate. */
  readonly margin: number | null;
  readonly candidates: readonly CandidateRecord[];
  /** Wall time of the iteration. */
  readonly seconds: number;
  readonly runnerUp: string | null;
  /** Names of the workers whose cells went into the decision. */
  readonly workers: readonly string[];
  readonly retries: number;
  /** Parameters of all blocks removed so far. */
  readonly parametersRemoved: number;
  /** `parametersRemoved` over all parameters. */
  readonly ratio: number;
}

/** @throws RangeError naming the field that does not fit */
export function readDenseRecord(value: unknown, rowCount: number): DenseRecord {
  const fields = readObject(value, 'dense');
  const rows = readArray(fields.rows, 'dense.rows');
  readInteger(rows.length, 'dense.rows.length', rowCount, rowCount);
  return {
    score: readNumber(fields.score, 'dense.score'),
    perplexity: readNumber(fields.perplexity, 'dense.perplexity'),
    rows: rows.map((mean, row) => readNumber(mean, `dense.rows[${row}]`)),
  };
}

/** @throws RangeError naming the field that does not fit */
export function readDecisionRecord(value: unknown, layerCount: number): DecisionRecord {
  const fields = readObject(value, 'decision');
  const block = (text: unknown, name: string): string => {
    const read = readString(text, name);
    parseBlock(read, layerCount);
    return read;
  };
  return {
    iteration: readInteger(fields.iteration, 'decision.iteration', 1),
    removed: block(fields.removed, 'decision.removed'),
    score: readNumber(fields.score, 'decision.score'),
    perplexity: readNumber(fields.perplexity, 'decision.perplexity'),
    margin: fields.margin === null ? null : readNumber(fields.margin, 'decision.margin'),
    candidates: readArray(fields.candidates, 'decision.candidates').map((entry) => {
      const candidate = readObject(entry, 'decision.candidates');
      return {
        block: block(candidate.block, 'decision.candidates.block'),
        score: readNumber(candidate.score, 'decision.candidates.score'),
        rowCount: readInteger(candidate.rowCount, 'decision.candidates.rowCount', 0),
      };
    }),
    seconds: readNumber(fields.seconds, 'decision.seconds'),
    runnerUp: fields.runnerUp === null ? null : block(fields.runnerUp, 'decision.runnerUp'),
    workers: readArray(fields.workers, 'decision.workers').map((name) =>
      readString(name, 'decision.workers'),
    ),
    retries: readInteger(fields.retries, 'decision.retries', 0),
    parametersRemoved: readInteger(fields.parametersRemoved, 'decision.parametersRemoved', 0),
    ratio: readNumber(fields.ratio, 'decision.ratio'),
  };
}

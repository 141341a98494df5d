import { parseBlock } from '@blockpruner/blocks';
import { readArray, readBoolean, readInteger, readNumber, readObject, readString } from './json-fields.ts';

/** The dense model's score. Nats; `rows` in row order. */
export interface DenseRecord {
  readonly score: number;
  readonly perplexity: number;
  readonly rows: readonly number[];
  /** On the held-out rows, where there are any. */
  readonly heldOut?: ScoreRecord;
  /** Of the model without the start mask; absent where there is none. */
  readonly start?: StartRecord;
}

/** Score in nats, and `exp(score)`. */
export interface ScoreRecord {
  readonly score: number;
  readonly perplexity: number;
}

/** What one of several calibration sets says of a decision. */
export interface SetScoreRecord {
  /** Of the model without the removed block, on this set alone, nats. */
  readonly score: number;
  /** The block that would have gone by this set alone, in text form. */
  readonly best: string;
  /**
   * How much lower the score on this set is without that one, nats, or what it costs in score, nats per million
   * parameters; 0 where it is the removed one.
   */
  readonly gainNats: number;
}

/** What a search with a start mask begins with. */
export interface StartRecord extends ScoreRecord {
  /** On the held-out rows, where there are any. */
  readonly heldOut?: ScoreRecord;
  readonly parametersRemoved: number;
  /** `parametersRemoved` over all parameters. */
  readonly ratio: number;
}

/** What one candidate of an iteration scored, and over how many rows. */
interface CandidateRecord {
  /** Text form, `mha.3`. */
  readonly block: string;
  readonly score: number;
  /** All rows; of a candidate that a race dropped, those before. */
  readonly rowCount: number;
  /** Why a race dropped it: how far it is behind the leader of the rows so far, as estimated for all rows, in the unit of `margin`. */
  readonly dropped?: {
    readonly leader: string;
    readonly difference: number;
    readonly standardError: number;
  };
}

/** One decision of a search as it is journaled, and a line of `iterations.jsonl`. Scores in nats. */
export interface DecisionRecord {
  /** From 1. */
  readonly iteration: number;
  /** Text form, `mha.3`. */
  readonly removed: string;
  readonly score: number;
  readonly perplexity: number;
  /**
   * Runner-up's score minus the winner's; under the objective `score-per-param` what they cost in score, nats per
   * million parameters. In fp32 where it was confirmed; null where there was only one candidate.
   */
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
  /** Of the cells that went into the decision, sorted; empty in journals of before classes could be mixed. */
  readonly numericClasses: readonly string[];
  /** Whether the scores of the dtype of the run were closer than its noise, and so decide nothing by themselves. */
  readonly belowNoise: boolean;
  /** The close candidates with their scores in fp32, by which the choice was made; null where it was not. */
  readonly confirmed: { readonly candidates: readonly CandidateRecord[] } | null;
  /** Where there are several calibration sets: each one's own, in their order. */
  readonly setScores?: readonly SetScoreRecord[];
  /** Of the model without the removed block on the held-out rows, where there are any. */
  readonly heldOut?: ScoreRecord;
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
    ...(fields.heldOut !== undefined && { heldOut: readScore(fields.heldOut, 'dense.heldOut') }),
    ...(fields.start !== undefined && { start: readStartRecord(fields.start) }),
  };
}

function readStartRecord(value: unknown): StartRecord {
  const fields = readObject(value, 'dense.start');
  return {
    ...readScore(fields, 'dense.start'),
    ...(fields.heldOut !== undefined && { heldOut: readScore(fields.heldOut, 'dense.start.heldOut') }),
    parametersRemoved: readInteger(fields.parametersRemoved, 'dense.start.parametersRemoved', 0),
    ratio: readNumber(fields.ratio, 'dense.start.ratio'),
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
  const dropped = (value: unknown, name: string) => {
    const { leader, difference, standardError } = readObject(value, name);
    return {
      leader: block(leader, `${name}.leader`),
      difference: readNumber(difference, `${name}.difference`),
      standardError: readNumber(standardError, `${name}.standardError`),
    };
  };
  const candidates = (list: unknown, name: string): CandidateRecord[] =>
    readArray(list, name).map((entry) => {
      const candidate = readObject(entry, name);
      return {
        block: block(candidate.block, `${name}.block`),
        score: readNumber(candidate.score, `${name}.score`),
        rowCount: readInteger(candidate.rowCount, `${name}.rowCount`, 0),
        ...(candidate.dropped !== undefined && { dropped: dropped(candidate.dropped, `${name}.dropped`) }),
      };
    });
  const confirmation = (value: unknown) => ({
    candidates: candidates(
      readObject(value, 'decision.confirmed').candidates,
      'decision.confirmed.candidates',
    ),
  });
  const { numericClasses = [], belowNoise = false, confirmed = null } = fields;
  return {
    iteration: readInteger(fields.iteration, 'decision.iteration', 1),
    removed: block(fields.removed, 'decision.removed'),
    score: readNumber(fields.score, 'decision.score'),
    perplexity: readNumber(fields.perplexity, 'decision.perplexity'),
    margin: fields.margin === null ? null : readNumber(fields.margin, 'decision.margin'),
    candidates: candidates(fields.candidates, 'decision.candidates'),
    seconds: readNumber(fields.seconds, 'decision.seconds'),
    runnerUp: fields.runnerUp === null ? null : block(fields.runnerUp, 'decision.runnerUp'),
    workers: readArray(fields.workers, 'decision.workers').map((name) =>
      readString(name, 'decision.workers'),
    ),
    retries: readInteger(fields.retries, 'decision.retries', 0),
    parametersRemoved: readInteger(fields.parametersRemoved, 'decision.parametersRemoved', 0),
    ratio: readNumber(fields.ratio, 'decision.ratio'),
    numericClasses: readArray(numericClasses, 'decision.numericClasses').map((name) =>
      readString(name, 'decision.numericClasses'),
    ),
    belowNoise: readBoolean(belowNoise, 'decision.belowNoise'),
    confirmed: confirmed === null ? null : confirmation(confirmed),
    ...(fields.setScores !== undefined && {
      setScores: readArray(fields.setScores, 'decision.setScores').map((entry) => {
        const set = readObject(entry, 'decision.setScores');
        return {
          score: readNumber(set.score, 'decision.setScores.score'),
          best: block(set.best, 'decision.setScores.best'),
          gainNats: readNumber(set.gainNats, 'decision.setScores.gainNats'),
        };
      }),
    }),
    ...(fields.heldOut !== undefined && { heldOut: readScore(fields.heldOut, 'decision.heldOut') }),
  };
}

function readScore(value: unknown, name: string): ScoreRecord {
  const fields = readObject(value, name);
  return {
    score: readNumber(fields.score, `${name}.score`),
    perplexity: readNumber(fields.perplexity, `${name}.perplexity`),
  };
}

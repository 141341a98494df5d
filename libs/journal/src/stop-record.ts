import { parseBlock, type Goal, type Limit, type StopRule } from '@blockpruner/blocks';
import { readInteger, readNumber, readObject, readString, unfit, type Fields } from './json-fields.ts';

/**
 * What ended a search that had a limit: its goal was met, no block was left that might go, or the next decision would
 * have gone beyond the limit.
 */
export type Stopped =
  | { readonly reason: 'goal' }
  | {
      readonly reason: 'limit';
      /** The block that would have gone next, text form. */
      readonly block: string;
      /** Of the model without it. */
      readonly perplexity: number;
      /** The largest that was allowed. */
      readonly limitPerplexity: number;
    };

/** More parameters than any model has, and a safe integer. */
const MAX_PARAMETERS = 2 ** 50;
const MAX_BLOCKS = 2 ** 17;

/** @throws RangeError naming the field that does not fit */
export function readStopRule(value: unknown, name: string): StopRule {
  const fields = readObject(value, name);
  const goal = readGoal(fields, name);
  return fields.limit === undefined ? goal : { ...goal, limit: readLimit(fields.limit, `${name}.limit`) };
}

/** @throws RangeError naming the field that does not fit */
export function readStopped(value: unknown, layerCount: number): Stopped {
  const fields = readObject(value, 'stopped');
  if (fields.reason === 'goal') return { reason: 'goal' };
  if (fields.reason !== 'limit') throw unfit('stopped.reason', fields.reason, 'goal or limit');
  const block = readString(fields.block, 'stopped.block');
  parseBlock(block, layerCount);
  return {
    reason: 'limit',
    block,
    perplexity: readNumber(fields.perplexity, 'stopped.perplexity'),
    limitPerplexity: readNumber(fields.limitPerplexity, 'stopped.limitPerplexity'),
  };
}

function readGoal(fields: Fields, name: string): Goal {
  switch (fields.kind) {
    case 'remove':
      return { kind: 'remove', count: readInteger(fields.count, `${name}.count`, 0, MAX_BLOCKS) };
    case 'ratio': {
      const ratio = readNumber(fields.ratio, `${name}.ratio`);
      if (!(ratio >= 0 && ratio <= 1)) throw unfit(`${name}.ratio`, ratio, 'a number from 0 to 1');
      return { kind: 'ratio', ratio };
    }
    case 'target-params':
      return {
        kind: 'target-params',
        parameters: readInteger(fields.parameters, `${name}.parameters`, 0, MAX_PARAMETERS),
      };
    case 'all':
      return { kind: 'all' };
    default:
      throw unfit(`${name}.kind`, fields.kind, 'remove, ratio, target-params or all');
  }
}

function readLimit(value: unknown, name: string): Limit {
  const fields = readObject(value, name);
  const atLeast = (least: number, field: string): number => {
    const number = readNumber(fields[field], `${name}.${field}`);
    if (!(number >= least && Number.isFinite(number)))
      throw unfit(`${name}.${field}`, number, `a number from ${least}`);
    return number;
  };
  if (fields.kind === 'perplexity') return { kind: 'perplexity', perplexity: atLeast(1, 'perplexity') };
  if (fields.kind === 'increase') return { kind: 'increase', increase: atLeast(0, 'increase') };
  throw unfit(`${name}.kind`, fields.kind, 'perplexity or increase');
}

import { createHash } from 'node:crypto';
import type { BlockType } from '@blockpruner/blocks';
import {
  canonicalJson,
  readArray,
  readInteger,
  readNumber,
  readObject,
  readString,
  unfit,
  type Fields,
} from './json-fields.ts';
import { readRowParts, type RowParts } from './row-parts.ts';

/** When a search is done: after so many removed blocks, or once so large a part of the parameters is gone. */
export type StopRule =
  { readonly kind: 'remove'; readonly count: number } | { readonly kind: 'ratio'; readonly ratio: number };

/** How a search finds the block to remove. */
export type SearchKind = 'exhaustive' | 'race';

/** Everything that affects the numbers of a run, and nothing else. */
export interface RunConfig extends RowParts {
  readonly modelFingerprint: string;
  readonly calibrationHash: string;
  /** Length of each calibration row, in tokens; behind them, of each held-out row. */
  readonly rowTokens: readonly number[];
  readonly layerCount: number;
  readonly blockType: BlockType;
  readonly search: SearchKind;
  /** Of a race: probability that an iteration decides as all rows would. */
  readonly confidence?: number;
  /** Of a race: decides the order in which rows are looked at. */
  readonly seed?: number;
  readonly stop: StopRule;
  /** In which dtype close candidates are scored again; absent where they are not. */
  readonly confirm?: 'fp32';
}

/** Keeps the window sums of one cell far below the size limit of a record of cells.bin. */
const MAX_ROW_TOKENS = 2 ** 24;
const MAX_ROWS = 2 ** 20;
const MAX_LAYERS = 2 ** 16;

/** `sha256:…` over the canonical JSON of the config: equal for equal runs on any machine. */
export function configHash(config: RunConfig): string {
  return `sha256:${createHash('sha256')
    .update(canonicalJson(readRunConfig(config)))
    .digest('hex')}`;
}

/**
 * Checks a config and keeps its known fields.
 * @throws RangeError naming the field that does not fit
 */
export function readRunConfig(value: unknown): RunConfig {
  const fields = readObject(value, 'config');
  const rows = readArray(fields.rowTokens, 'config.rowTokens');
  if (rows.length > MAX_ROWS) throw unfit('config.rowTokens.length', rows.length, `at most ${MAX_ROWS} rows`);
  return {
    modelFingerprint: readString(fields.modelFingerprint, 'config.modelFingerprint'),
    calibrationHash: readString(fields.calibrationHash, 'config.calibrationHash'),
    rowTokens: rows.map((tokens, row) => readInteger(tokens, `config.rowTokens[${row}]`, 2, MAX_ROW_TOKENS)),
    ...readRowParts(fields, rows.length),
    layerCount: readInteger(fields.layerCount, 'config.layerCount', 1, MAX_LAYERS),
    blockType: readBlockType(fields.blockType),
    ...readSearch(fields),
    stop: readStopRule(fields.stop),
    ...(fields.confirm !== undefined && { confirm: readConfirm(fields.confirm) }),
  };
}

function readBlockType(value: unknown): BlockType {
  if (value !== 'mix' && value !== 'mha' && value !== 'mlp')
    throw unfit('config.blockType', value, 'mix, mha or mlp');
  return value;
}

function readSearch({ search, confidence, seed }: Fields): Pick<RunConfig, 'search' | 'confidence' | 'seed'> {
  if (search === 'exhaustive') return { search };
  if (search !== 'race') throw unfit('config.search', search, 'exhaustive or race');
  const probability = readNumber(confidence, 'config.confidence');
  if (!(probability > 0 && probability <= 1))
    throw unfit('config.confidence', confidence, 'a number above 0, at most 1');
  return { search, confidence: probability, seed: readInteger(seed, 'config.seed', 0, 2 ** 32 - 1) };
}

function readConfirm(value: unknown): 'fp32' {
  if (value !== 'fp32') throw unfit('config.confirm', value, 'fp32');
  return value;
}

function readStopRule(value: unknown): StopRule {
  const fields = readObject(value, 'config.stop');
  if (fields.kind === 'remove') {
    return { kind: 'remove', count: readInteger(fields.count, 'config.stop.count', 0, 2 * MAX_LAYERS) };
  }
  if (fields.kind !== 'ratio') throw unfit('config.stop.kind', fields.kind, 'remove or ratio');
  const ratio = readNumber(fields.ratio, 'config.stop.ratio');
  if (!(ratio >= 0 && ratio <= 1)) throw unfit('config.stop.ratio', ratio, 'a number from 0 to 1');
  return { kind: 'ratio', ratio };
}

import { createHash } from 'node:crypto';
import { formatMask, parseMask, type BlockType, type Objective, type StopRule } from '@blockpruner/blocks';
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
import { readStopRule } from './stop-record.ts';

/** How a search finds the block to remove. */
export type SearchKind = 'exhaustive' | 'race';

/** Everything that affects the numbers of a run, and nothing else. */
export interface RunConfig extends RowParts {
  readonly modelFingerprint: string;
  readonly calibrationHash: string;
  /** Length of each calibration row, in tokens; behind them, of each held-out row. */
  readonly rowTokens: readonly number[];
  readonly layerCount: number;
  /** Blocks that the model was made without, in the text form of a mask; absent where it has all. */
  readonly absentBlocks?: string;
  readonly blockType: BlockType;
  readonly search: SearchKind;
  /** Of a race: probability that an iteration decides as all rows would. */
  readonly confidence?: number;
  /** Of a race: decides the order in which rows are looked at. */
  readonly seed?: number;
  readonly stop: StopRule;
  /** In which dtype close candidates are scored again; absent where they are not. */
  readonly confirm?: 'fp32';
  /** Blocks that never go, in the text form of a mask; absent where any may. */
  readonly keep?: string;
  /** Blocks that were gone before the first decision, text form; absent where the search began with the dense model. */
  readonly startMask?: string;
  /** Absent: `score`. */
  readonly objective?: Exclude<Objective, 'score'>;
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
  const layerCount = readInteger(fields.layerCount, 'config.layerCount', 1, MAX_LAYERS);
  if (rows.length > MAX_ROWS) throw unfit('config.rowTokens.length', rows.length, `at most ${MAX_ROWS} rows`);
  return {
    modelFingerprint: readString(fields.modelFingerprint, 'config.modelFingerprint'),
    calibrationHash: readString(fields.calibrationHash, 'config.calibrationHash'),
    rowTokens: rows.map((tokens, row) => readInteger(tokens, `config.rowTokens[${row}]`, 2, MAX_ROW_TOKENS)),
    ...readRowParts(fields, rows.length),
    layerCount,
    ...(fields.absentBlocks !== undefined && {
      absentBlocks: readMask(fields.absentBlocks, 'config.absentBlocks', layerCount),
    }),
    blockType: readBlockType(fields.blockType),
    ...readSearch(fields),
    stop: readStopRule(fields.stop, 'config.stop'),
    ...(fields.confirm !== undefined && { confirm: readConfirm(fields.confirm) }),
    ...(fields.keep !== undefined && { keep: readMask(fields.keep, 'config.keep', layerCount) }),
    ...(fields.startMask !== undefined && {
      startMask: readMask(fields.startMask, 'config.startMask', layerCount),
    }),
    ...(fields.objective !== undefined && { objective: readObjective(fields.objective) }),
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

/** The text form of a mask that is not dense, as `formatMask` writes it. */
function readMask(value: unknown, name: string, layerCount: number): string {
  const text = readString(value, name);
  if (text === 'dense') throw unfit(name, value, 'at least one block');
  const written = formatMask(parseMask(text, layerCount));
  if (written !== text) throw unfit(name, value, written);
  return text;
}

function readObjective(value: unknown): 'score-per-param' {
  if (value !== 'score-per-param') throw unfit('config.objective', value, 'score-per-param');
  return value;
}

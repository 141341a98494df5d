import { formatMask, makeMask, parseBlock, parseMask } from '@blockpruner/blocks';
import type { BlockType, StopRule } from '@blockpruner/blocks';
import type { DecisionRecord, DenseRecord, ScoreRecord, SetScoreRecord } from './decision-record.ts';
import { calibrationRowCount, type ConfigSet } from './row-parts.ts';
import { configHash, type RunConfig, type SearchKind } from './run-config.ts';
import type { Stopped } from './stop-record.ts';

/** What a model scored on the calibration rows and, where there are any, on the held-out ones. */
interface ResultScore extends ScoreRecord {
  readonly heldOut?: ScoreRecord;
}

/** The part of a decision that two equal runs share. */
interface ResultDecision extends ResultScore {
  readonly iteration: number;
  readonly removed: string;
  readonly margin: number | null;
  readonly runnerUp: string | null;
  /** What each of several calibration sets says of it, in their order. */
  readonly setScores?: readonly SetScoreRecord[];
  /** Parameters of all blocks removed so far, with those of the start mask. */
  readonly parametersRemoved: number;
  /** `parametersRemoved` over all parameters. */
  readonly ratio: number;
}

/** `result.json`: what was asked, of which model and rows, and what came out. Equal runs give equal bytes. */
export interface RunResult {
  readonly schema: 1;
  readonly modelFingerprint: string;
  readonly calibrationHash: string;
  /** Hash over everything that affects the numbers. */
  readonly configHash: string;
  readonly layerCount: number;
  /** Blocks that the model was made without, in the text form of a mask; absent where it has all. */
  readonly absentBlocks?: string;
  /** Calibration rows; their ids and lengths are in `calibrationHash`. */
  readonly rowCount: number;
  /** The calibration sets, where there are several. */
  readonly sets?: readonly ConfigSet[];
  /** Rows that decided nothing, and a hash over them; absent where there are none. */
  readonly heldOutRowCount?: number;
  readonly heldOutHash?: string;
  readonly blockType: BlockType;
  readonly search: SearchKind;
  /** Of a race, as `seed`; absent in an exhaustive search. */
  readonly confidence?: number;
  readonly seed?: number;
  readonly stop: StopRule;
  /** Absent where it was not asked for. */
  readonly confirm?: 'fp32';
  /** These three as in the config; absent where they were not asked for. */
  readonly keep?: string;
  readonly startMask?: string;
  readonly objective?: RunConfig['objective'];
  readonly dense: ResultScore;
  /** Of the model without the start mask; absent where there is none. */
  readonly start?: ResultScore;
  readonly decisions: readonly ResultDecision[];
  /** What ended the search; absent where it had no limit, and so met its goal. */
  readonly stopped?: Stopped;
  /** All removed blocks in execution order, text form `mha.3+mlp.7`. */
  readonly mask: string;
  /** Removed parameters over all parameters. */
  readonly ratio: number;
  readonly parametersRemoved: number;
  readonly totalParameters: number;
  /** Of the model without the removed blocks. */
  readonly pruned: ResultScore;
}

/**
 * @param decisions all of the run, in order
 * @param stopped what ended the search, where it had a limit
 */
export function buildResult(
  config: RunConfig,
  dense: DenseRecord,
  decisions: readonly DecisionRecord[],
  totals: { readonly totalParameters: number },
  stopped?: Stopped,
): RunResult {
  const { start } = dense;
  const { keep, startMask, objective } = config;
  const last = decisions.at(-1) ?? start;
  return {
    schema: 1,
    modelFingerprint: config.modelFingerprint,
    calibrationHash: config.calibrationHash,
    configHash: configHash(config),
    layerCount: config.layerCount,
    ...(config.absentBlocks !== undefined && { absentBlocks: config.absentBlocks }),
    rowCount: calibrationRowCount(config),
    ...(config.sets && { sets: config.sets }),
    ...(config.heldOutRowCount && {
      heldOutRowCount: config.heldOutRowCount,
      heldOutHash: config.heldOutHash,
    }),
    blockType: config.blockType,
    search: config.search,
    ...(config.search === 'race' && { confidence: config.confidence, seed: config.seed }),
    stop: config.stop,
    ...(config.confirm && { confirm: config.confirm }),
    ...(keep !== undefined && { keep }),
    ...(startMask !== undefined && { startMask }),
    ...(objective && { objective }),
    dense: resultScore(dense),
    ...(start && { start: resultScore(start) }),
    decisions: decisions.map((decision) => ({
      iteration: decision.iteration,
      removed: decision.removed,
      score: decision.score,
      perplexity: decision.perplexity,
      margin: decision.margin,
      runnerUp: decision.runnerUp,
      ...(decision.setScores && { setScores: decision.setScores }),
      ...(decision.heldOut && { heldOut: decision.heldOut }),
      parametersRemoved: decision.parametersRemoved,
      ratio: decision.ratio,
    })),
    ...(stopped && { stopped }),
    mask: formatMask(
      makeMask([...parseMask(startMask ?? 'dense'), ...decisions.map(({ removed }) => parseBlock(removed))]),
    ),
    ratio: last?.ratio ?? 0,
    parametersRemoved: last?.parametersRemoved ?? 0,
    totalParameters: totals.totalParameters,
    pruned: resultScore(last ?? dense),
  };
}

function resultScore({ score, perplexity, heldOut }: ResultScore): ResultScore {
  return { score, perplexity, ...(heldOut && { heldOut }) };
}

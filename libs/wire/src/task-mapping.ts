import { isUnitStart, unitBlocks, type ShapePlan } from '@blockpruner/blocks';
import type { IndexedRow } from '@blockpruner/perplexity';
import type { ShapePlan__Output } from './gen/blockpruner/v1/ShapePlan.ts';
import type { SweepTask, SweepTask__Output } from './gen/blockpruner/v1/SweepTask.ts';
import type { Row__Output } from './gen/blockpruner/v1/Row.ts';
import {
  MAX_BLOCKS,
  MAX_CALIBRATION_ROWS,
  MAX_ID_CHARS,
  MAX_ROW_TOKENS,
  MAX_TASK_ROWS,
  MAX_VOCABULARY,
  MIN_ROW_TOKENS,
} from './limits.ts';
import type { WireTask } from './message.ts';
import { ascending, flag, list, present, reject, text, whole, wholes, type Check } from './validate.ts';

const id = text(MAX_ID_CHARS);
const blocks = ascending(MAX_BLOCKS - 1);
const rowIndex = whole(0, MAX_CALIBRATION_ROWS - 1);
const tokenIds = wholes(0, MAX_VOCABULARY - 1, MIN_ROW_TOKENS, MAX_ROW_TOKENS);
export const microBatchRows = whole(1, MAX_TASK_ROWS);
const segmentCandidates = whole(1, MAX_BLOCKS);
const headChunkTokens = whole(1, MAX_ROW_TOKENS);
const rowBucketTokens = whole(1, MAX_ROW_TOKENS);

export function taskToProto(task: WireTask): SweepTask {
  return {
    taskId: task.taskId,
    base: [...task.base],
    candidates: [...task.candidates],
    baseline: task.baseline,
    rows: task.rows.map(({ index, tokenIds }) => ({ index, tokenIds: Array.from(tokenIds) })),
    plan: task.plan,
    wholeLayers: task.unit === 'layer',
    inFp32: task.inFp32,
  };
}

export function planFromProto(proto: ShapePlan__Output, at: string): ShapePlan {
  return {
    microBatchRows: microBatchRows(proto.microBatchRows, `${at}.microBatchRows`),
    segmentCandidates: segmentCandidates(proto.segmentCandidates, `${at}.segmentCandidates`),
    headChunkTokens: headChunkTokens(proto.headChunkTokens, `${at}.headChunkTokens`),
    rowBucketTokens: rowBucketTokens(proto.rowBucketTokens, `${at}.rowBucketTokens`),
  };
}

const oneRow: Check<IndexedRow> = (value, at) => {
  const proto = value as Row__Output;
  return {
    index: rowIndex(proto.index, `${at}.index`),
    tokenIds: Int32Array.from(tokenIds(proto.tokenIds, `${at}.tokenIds`)),
  };
};

const rows = list(oneRow, 1, MAX_TASK_ROWS);

export function taskFromProto(proto: SweepTask__Output, at: string): WireTask {
  const task: WireTask = {
    taskId: id(proto.taskId, `${at}.taskId`),
    base: blocks(proto.base, `${at}.base`),
    candidates: blocks(proto.candidates, `${at}.candidates`),
    baseline: flag(proto.baseline, `${at}.baseline`),
    rows: rows(proto.rows, `${at}.rows`),
    plan: planFromProto(present(proto.plan, `${at}.plan`), `${at}.plan`),
    unit: flag(proto.wholeLayers, `${at}.wholeLayers`) ? 'layer' : 'block',
    inFp32: flag(proto.inFp32, `${at}.inFp32`),
  };
  const removed = new Set(task.base);
  task.candidates.forEach((first, i) => {
    if (!isUnitStart(task.unit, first)) {
      reject(`${at}.candidates[${i}]`, first, 'must be the first block of a layer, an even index');
    }
    if (unitBlocks(task.unit, first).some((block) => removed.has(block))) {
      reject(`${at}.candidates[${i}]`, first, 'must not be a block of base');
    }
  });
  if (task.candidates.length === 0 && !task.baseline) {
    reject(`${at}.baseline`, false, 'must be true when there are no candidates');
  }
  const seen = new Set<number>();
  task.rows.forEach(({ index }, i) => {
    if (seen.has(index))
      reject(`${at}.rows[${i}].index`, index, 'must differ from the index of every other row');
    seen.add(index);
  });
  return task;
}

import type { BlockIndex } from './block.ts';
import { removedParameters, type ModelShape } from './model-shape.ts';
import type { WeightFormat } from './worker-memory.ts';

/** Blocks `[start, end)`, whole layers, whose weights are in memory together. The last stage holds the head too. */
export interface StageRange {
  readonly start: BlockIndex;
  readonly end: BlockIndex;
}

const FLOAT32_BYTES = 4;

/**
 * Cuts a model into so many stages of about equal weight bytes: the largest is as small as it can be.
 * @throws RangeError unless there are 1 to `layerCount` of them: a stage holds at least one layer
 */
export function stageRanges(shape: ModelShape, stages: number, format: WeightFormat): StageRange[] {
  const { layerCount } = shape;
  if (!Number.isInteger(stages) || stages < 1 || stages > layerCount) {
    throw new RangeError(
      `${stages} stages cannot be made of ${layerCount} layers: ask for a whole number from 1 to ${layerCount}`,
    );
  }
  const others = stages - 1;
  const inLast = others === 0 ? layerCount : lastStageLayers(shape, others, format);
  const [atLeast, more] = [Math.floor((layerCount - inLast) / others), (layerCount - inLast) % others];
  const ranges: StageRange[] = [];
  let start = 0;
  for (let stage = 0; stage < stages; stage++) {
    const layers = stage === others ? inLast : atLeast + (stage < more ? 1 : 0);
    ranges.push({ start, end: start + 2 * layers });
    start += 2 * layers;
  }
  return ranges;
}

/** Bytes of the weights that are in memory with the largest of so many stages. The embedding stays in its file. */
export function largestStageBytes(shape: ModelShape, stages: number, format: WeightFormat): number {
  return Math.max(...stageRanges(shape, stages, format).map((stage) => stageBytes(shape, stage, format)));
}

/** Bytes of one stage's weights, as the numeric class holds them. */
export function stageBytes(shape: ModelShape, { start, end }: StageRange, format: WeightFormat): number {
  const absent = (shape.absentBlocks ?? []).filter((block) => block >= start && block < end);
  const absentBytes = removedParameters({ ...shape, absentBlocks: [] }, absent) * format.bytesPerWeight;
  const blocks = ((end - start) / 2) * layerBytes(shape, format) - absentBytes;
  return end === 2 * shape.layerCount ? blocks + headBytes(shape) : blocks;
}

/** How many layers the last stage takes beside the head: with the most that make the largest stage no larger. */
function lastStageLayers(shape: ModelShape, others: number, format: WeightFormat): number {
  let best = { layers: 1, largest: Number.POSITIVE_INFINITY };
  for (let layers = 1; layers <= shape.layerCount - others; layers++) {
    const ofOthers = Math.ceil((shape.layerCount - layers) / others) * layerBytes(shape, format);
    const largest = Math.max(ofOthers, layers * layerBytes(shape, format) + headBytes(shape));
    if (largest <= best.largest) best = { layers, largest };
  }
  return best.layers;
}

function layerBytes(shape: ModelShape, { bytesPerWeight }: WeightFormat): number {
  return (shape.mhaParameters + shape.mlpParameters) * bytesPerWeight;
}

function headBytes({ vocabSize, hiddenSize }: ModelShape): number {
  return vocabSize * hiddenSize * FLOAT32_BYTES;
}

import { blockLayer, formatBlock, isAbsent, makeMask, parseBlockList, parseMask } from '@blockpruner/blocks';
import type { BlockIndex, Mask, ModelShape, StopRule } from '@blockpruner/blocks';
import type { RunConfig } from '@blockpruner/journal';
import { checkProblem, SearchError, type SearchProblem } from '@blockpruner/search';
import { requireSetting, type ResolvedSettings } from './resolve-settings.ts';
import type { StartBlocks } from './start-mask.ts';
import { UsageError } from './usage-error.ts';

type ProblemSettings = ResolvedSettings<'blockType' | 'keep' | 'objective'>;

/**
 * What is searched, from the options and the sizes of the model.
 * @throws UsageError for a block that the model does not have, or is named twice, and for a problem that has no
 * solution, naming the nearest one that has
 */
export function searchProblem(
  settings: ProblemSettings,
  start: readonly StartBlocks[],
  stop: StopRule,
  shape: ModelShape,
): SearchProblem {
  const keep = keptBlocks(settings.values.keep, shape.layerCount);
  const startMask = makeStartMask(start, shape);
  const problem: SearchProblem = {
    shape,
    blockType: requireSetting(settings, 'blockType'),
    stop,
    ...(keep.length > 0 && { keep }),
    ...(startMask.length > 0 && { start: startMask }),
    ...(settings.values.objective === 'score-per-param' && { objective: 'score-per-param' }),
  };
  try {
    checkProblem(problem);
  } catch (error) {
    if (error instanceof SearchError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  return problem;
}

/** What the config of a run says of which blocks may go, and by what. */
export function constraintsOf({
  blockType,
  keep,
  startMask,
  objective,
}: RunConfig): Omit<SearchProblem, 'shape' | 'stop'> {
  return {
    blockType,
    ...(keep !== undefined && { keep: parseMask(keep) }),
    ...(startMask !== undefined && { start: parseMask(startMask) }),
    ...(objective && { objective }),
  };
}

/** What a run has searched, with a stop rule of the caller's. */
export function problemOfRun(config: RunConfig, shape: ModelShape, stop: StopRule): SearchProblem {
  return { shape, stop, ...constraintsOf(config) };
}

/** A block may be named alone and with its layer. */
function keptBlocks(given: string | undefined, layerCount: number): Mask {
  if (given === undefined) return [];
  try {
    return makeMask(new Set(parseBlockList(given, layerCount)));
  } catch (error) {
    throw new UsageError(`--keep ${given}: ${(error as Error).message}`);
  }
}

function makeStartMask(start: readonly StartBlocks[], shape: ModelShape): Mask {
  const { layerCount } = shape;
  const seen = new Set<BlockIndex>();
  for (const { given, blocks, layerCount: lines } of start) {
    const refuse = (why: string): UsageError => new UsageError(`--start-mask ${given}: ${why}`);
    if (lines !== undefined && lines !== layerCount) {
      throw refuse(
        `${lines} lines, one for each layer, where the model has ${layerCount} layers: give the list of this model`,
      );
    }
    for (const block of blocks) {
      if (blockLayer(block) >= layerCount) {
        throw refuse(
          `block ${formatBlock(block)} does not exist: the model has layers 0 to ${layerCount - 1} (${layerCount} layers)`,
        );
      }
      if (isAbsent(shape, block))
        throw refuse(`block ${formatBlock(block)} is gone: the model was made without it`);
      if (seen.has(block)) throw refuse(`block ${formatBlock(block)} is named twice: name it once`);
      seen.add(block);
    }
  }
  return makeMask(seen);
}

import { existsSync } from 'node:fs';
import { DENSE, type Mask } from '@blockpruner/blocks';
import { holdsRun, readRun, type RunView } from '@blockpruner/journal';
import { createdWith } from './created-with.ts';
import { requireSetting } from './resolve-settings.ts';
import { requireModelThere } from './run-model.ts';
import { runSizes, type RunSize } from './run-sizes.ts';
import { UsageError } from './usage-error.ts';

/** A model that is named by itself, or as what a run has led to. */
export interface ModelReference {
  /** A folder, a file or a name on the hub: of a run, what it was created with. */
  readonly model: string;
  /** Blocks that are left out of it. */
  readonly mask: Mask;
  /** Null where no run is named. */
  readonly run: SizeOfRun | null;
}

/** One of the models that a run has led to. */
export interface SizeOfRun {
  readonly view: RunView;
  readonly size: RunSize;
}

/** `runs/mine@8`: a run, and how many blocks are gone. */
const OF_RUN = /^(.+)@([^@]*)$/s;
const BLOCK_COUNT = /^(0|[1-9]\d{0,5})$/;

/**
 * Reads `RUN@K`, the model of a run without its first K blocks, or anything else that `--model` takes.
 * @throws UsageError when the run has not come so far
 */
export async function readModelReference(given: string): Promise<ModelReference> {
  if (await holdsRun(given)) {
    const { size } = await sizeOfRun(given);
    throw new UsageError(
      `${given} is a run folder: say how many of its blocks are gone, as in ${given}@${size.mask.length}`,
    );
  }
  const named = await readSize(given);
  if (named === null) return { model: given, mask: DENSE, run: null };
  const { folder, blockCount } = named;
  const run = await sizeOfRun(folder, blockCount);
  const then = await createdWith(folder, { values: {}, origins: {} });
  const model = requireSetting(then, 'model');
  requireModelThere(model, folder, 'put it back, or export the run with --model and name the export');
  return { model, mask: run.size.mask, run };
}

/**
 * The run and the size that `RUN@K` names; null for anything else.
 * @throws UsageError when what is behind the @ of a run is no size
 */
async function readSize(given: string): Promise<{ folder: string; blockCount: number } | null> {
  const [, folder, count] = OF_RUN.exec(given) ?? [];
  if (existsSync(given) || folder === undefined || !(await holdsRun(folder))) return null;
  if (!BLOCK_COUNT.test(count)) {
    throw new UsageError(
      `${given}: behind the @ of a run is how many of its blocks are gone, a whole number; got "${count}"`,
    );
  }
  return { folder, blockCount: Number(count) };
}

/**
 * A command that takes a run, and a size of it in another option, says so where it is given both in one.
 * @throws UsageError when `RUN@K` is given
 */
export async function requireRunAlone(given: string): Promise<void> {
  const named = await readSize(given);
  if (named === null) return;
  const { folder, blockCount } = named;
  throw new UsageError(`${given} is a size of a run, and a run is wanted: give ${folder} --at ${blockCount}`);
}

/**
 * A command that takes a model says so where it is given a run.
 * @throws UsageError when a run folder or `RUN@K` is given
 */
export async function requireNoRun(given: string): Promise<void> {
  const isRun = await holdsRun(given);
  if (!isRun && (await readSize(given)) === null) return;
  throw new UsageError(
    `${given} is ${isRun ? 'a run folder' : 'a size of a run'}, and a model is wanted: name what blockpruner export makes of it`,
  );
}

/**
 * The model of a run with so many blocks gone, those of its start mask among them.
 * @param blockCount all that the run has removed, where absent
 * @throws UsageError naming the sizes that there are
 */
export async function sizeOfRun(folder: string, blockCount?: number): Promise<SizeOfRun> {
  const view = await readRun(folder);
  const sizes = runSizes(view);
  const { dense } = view;
  const last = sizes.at(-1);
  if (last === undefined || !dense) {
    throw new UsageError(`${folder} has not scored the dense model yet: let it go on`);
  }
  const [least, most] = [sizes[0].mask.length, last.mask.length];
  const wanted = blockCount ?? most;
  const size = sizes.find(({ mask }) => mask.length === wanted);
  if (size) return { view, size };
  if (wanted === 0) {
    const { score, perplexity } = dense;
    return { view, size: { ...sizes[0], mask: DENSE, score, perplexity, parametersRemoved: 0, ratio: 0 } };
  }
  const further =
    wanted > most && wanted < 2 * view.config.layerCount
      ? `; take it further with: blockpruner resume ${folder} --remove ${wanted - least}`
      : '';
  throw new UsageError(
    `${folder} has models of ${least} to ${most} removed blocks, not of ${wanted}${further}`,
  );
}

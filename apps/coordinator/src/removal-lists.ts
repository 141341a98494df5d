import { parseMask, type Mask } from '@blockpruner/blocks';
import { layerDropConfig, smallFile, type ExportPlan } from '@blockpruner/export';
import { buildRemovalOrder, type RunView } from '@blockpruner/journal';

/**
 * The first decisions of a run in the form of `removal-order.json`, which `--start-mask` and the script of the paper
 * read.
 */
export function removalOrderText({ config, decisions }: RunView, count: number): string {
  const removed = decisions.slice(0, count).map((decision) => decision.removed);
  const order = buildRemovalOrder(removed, parseMask(config.startMask ?? 'dense'));
  return `${JSON.stringify(order, null, 2)}\n`;
}

/** The blocks that are gone, in the forms that other tools for pruning read. */
export function planRemovalLists(view: RunView, decisions: number, mask: Mask): ExportPlan {
  const { layerCount, absentBlocks } = view.config;
  const shape = { layerCount, ...(absentBlocks !== undefined && { absentBlocks: parseMask(absentBlocks) }) };
  return {
    files: [
      smallFile('removal-order.json', removalOrderText(view, decisions)),
      smallFile('layer_drop_config.txt', layerDropConfig(shape, mask)),
    ],
    notes: [],
  };
}

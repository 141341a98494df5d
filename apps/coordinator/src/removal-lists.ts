import { DENSE, parseBlock, parseMask, type BlockIndex } from '@blockpruner/blocks';
import { layerDropConfig, smallFile, type ExportPlan } from '@blockpruner/export';
import { buildRemovalOrder } from '@blockpruner/journal';
import type { SizeOfRun } from './model-reference.ts';

/**
 * How a run came to a size, in the form of `removal-order.json`, which `--start-mask` and the script of the paper read.
 */
export function removalOrderText({ view: { config, decisions }, size }: SizeOfRun): string {
  const removed = decisions.slice(0, size.decisions).map((decision) => decision.removed);
  // The dense model comes before a start mask.
  const start = size.mask.length === 0 ? DENSE : parseMask(config.startMask ?? 'dense');
  const order = buildRemovalOrder(removed, start);
  return `${JSON.stringify(order, null, 2)}\n`;
}

/** The blocks that are gone in the order in which they went, those of a start mask first. */
export function removalOrderOf({ view, size }: SizeOfRun): BlockIndex[] {
  if (size.mask.length === 0) return [];
  const { config, decisions } = view;
  return [
    ...parseMask(config.startMask ?? 'dense'),
    ...decisions.slice(0, size.decisions).map(({ removed }) => parseBlock(removed)),
  ];
}

/** The blocks that are gone, in the forms that other tools for pruning read. */
export function planRemovalLists(of: SizeOfRun): ExportPlan {
  const { layerCount, absentBlocks } = of.view.config;
  const shape = { layerCount, ...(absentBlocks !== undefined && { absentBlocks: parseMask(absentBlocks) }) };
  return {
    files: [
      smallFile('removal-order.json', removalOrderText(of)),
      smallFile('layer_drop_config.txt', layerDropConfig(shape, of.size.mask)),
    ],
    notes: [],
  };
}

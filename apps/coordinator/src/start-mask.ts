import { readFileSync, statSync } from 'node:fs';
import { blockIndex, parseBlockList, type BlockIndex } from '@blockpruner/blocks';
import { UsageError } from './usage-error.ts';

/** What one `--start-mask` names. */
export interface StartBlocks {
  /** As it was given. */
  readonly given: string;
  readonly blocks: readonly BlockIndex[];
  /** Layers of the model that a file with a line for each layer is of; undefined for any other. */
  readonly layerCount?: number;
}

/** A list of the blocks of the largest model is far smaller. */
const MOST_BYTES = 2 ** 24;
/** A text of this form is meant for blocks, anything else for a file. */
const BLOCKS = /^(mha|mlp|layer)\.[^/]*$/;
/** The words of EvoPress for what a layer lacks, with or without a comma or a plus between them. */
const DROPPED: Readonly<Record<string, readonly ('mha' | 'mlp')[]>> = {
  none: [],
  attn: ['mha'],
  mlp: ['mlp'],
  'attn+mlp': ['mha', 'mlp'],
};

/**
 * Reads what a `--start-mask` names: blocks, a `removal-order.json` (the list with the most blocks counts), or the
 * `layer_drop_config.txt` of EvoPress, with a line for each layer that says what it lacks.
 * @throws UsageError naming the file, the place in it, and what may stand there
 */
export function readStartBlocks(given: string): StartBlocks {
  const refuse = (why: string): UsageError => new UsageError(`--start-mask ${given}: ${why}`);
  try {
    if (BLOCKS.test(given)) return { given, blocks: parseBlockList(given) };
    const text = readText(given);
    return /^\s*\{/.test(text) ? { given, blocks: parseRemovalOrder(text) } : { given, ...parseLayers(text) };
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) throw refuse(error.message);
    throw refuse(
      `neither blocks, such as mha.3+mlp.7, nor a file that can be read: ${(error as NodeJS.ErrnoException).code}`,
    );
  }
}

function readText(path: string): string {
  const { size } = statSync(path);
  if (size > MOST_BYTES)
    throw new RangeError(`the file has ${size} bytes, a list of blocks at most ${MOST_BYTES}`);
  return readFileSync(path, 'utf8');
}

/** The list with the most blocks of `{"k": [["mha" | "mlp", layer], ...], ...}`. */
function parseRemovalOrder(text: string): BlockIndex[] {
  const lists = Object.entries(JSON.parse(text) as Record<string, unknown>);
  const bad = lists.find(([key]) => !/^\d{1,6}$/.test(key));
  if (bad)
    throw new RangeError(`"${bad[0].slice(0, 40)}" is not a number of blocks: a list stands under each`);
  const [key, list] = lists.sort(([a], [b]) => Number(a) - Number(b)).at(-1) ?? [];
  if (!Array.isArray(list)) throw new RangeError('there is no list of blocks in it');
  return list.map((entry: unknown) => {
    const [kind, layer] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if ((kind !== 'mha' && kind !== 'mlp') || !Number.isInteger(layer) || (layer as number) < 0) {
      throw new RangeError(
        `list "${key}" holds ${JSON.stringify(entry)?.slice(0, 40)}, which is neither ["mha", layer] nor ["mlp", layer]`,
      );
    }
    return blockIndex(kind, layer as number);
  });
}

/** A line for each layer: none, attn, mlp or attn+mlp. */
function parseLayers(text: string): { blocks: BlockIndex[]; layerCount: number } {
  const lines = text.trimEnd().split(/\r?\n/);
  const blocks = lines.flatMap((line, layer) => {
    const kinds = DROPPED[line.trim().toLowerCase()];
    if (!Object.hasOwn(DROPPED, line.trim().toLowerCase())) {
      throw new RangeError(
        `line ${layer + 1} is "${line.slice(0, 40)}", expected none, attn, mlp or attn+mlp for each layer`,
      );
    }
    return kinds.map((kind) => blockIndex(kind, layer));
  });
  return { blocks, layerCount: lines.length };
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { makeMask, type BlockIndex, type BlockType } from '@blockpruner/blocks';
import { cellKey, windowCount, type Cell } from '@blockpruner/perplexity';
import type { CellSource } from './table-search.ts';

/** The cells of an exhaustive search of a real model. */
export interface RecordedTable {
  readonly layerCount: number;
  readonly blockType: BlockType;
  readonly rowTokens: readonly number[];
  /** What it removed, in order. */
  readonly removed: readonly BlockIndex[];
  /** Any cell of its masks. */
  readonly cell: CellSource;
}

interface TableFile extends Omit<RecordedTable, 'cell'> {
  /** Of each iteration, in execution order. */
  readonly candidates: readonly (readonly BlockIndex[])[];
  /** Base64 of float32: iterations, candidates (of the first one the dense model behind them), rows, windows. */
  readonly windowSums: string;
}

/**
 * Four iterations of SmolLM2-135M-Instruct (Q4_1) on 16 rows of 256 tokens of a novel, in fp32 on a CPU, as
 * `bench/record-table.ts` wrote them.
 */
export function smollm2Table(): RecordedTable {
  const packed = readFileSync(join(import.meta.dirname, 'smollm2-book-16x256.json.gz'));
  const { candidates, windowSums, ...table } = JSON.parse(gunzipSync(packed).toString()) as TableFile;
  const values = new Float32Array(Uint8Array.from(Buffer.from(windowSums, 'base64')).buffer);
  const cells = new Map<string, Cell>();
  let at = 0;
  candidates.forEach((blocks, iteration) => {
    const mask = makeMask(table.removed.slice(0, iteration));
    for (const candidate of iteration === 0 ? [...blocks, null] : blocks) {
      table.rowTokens.forEach((tokens, row) => {
        const end = at + windowCount(tokens);
        const id = { mask, candidate, row };
        cells.set(cellKey(id), { ...id, windowSums: Float64Array.from(values.subarray(at, end)) });
        at = end;
      });
    }
  });
  return {
    ...table,
    cell: (id) => {
      const cell = cells.get(cellKey(id));
      if (cell === undefined)
        throw new Error(`cell ${cellKey(id)} was not recorded: the search has left its path`);
      return cell;
    },
  };
}

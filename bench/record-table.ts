/**
 * `node bench/record-table.ts <run folder> <iterations> <file>`: writes the cells of a recorded exhaustive search, as
 * float32, for the tests of libs/search (`libs/search/test/recorded-table.ts` reads them).
 */
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { makeMask, parseBlock } from '@blockpruner/blocks';
import { readRunContents } from '@blockpruner/journal';
import { cellKey } from '@blockpruner/perplexity';

const [folder, iterations, file] = process.argv.slice(2);
const { config, cells, decisions } = await readRunContents(folder);
const recorded = new Map(cells.map((cell) => [cellKey(cell), cell.windowSums]));
const removed = decisions.slice(0, Number(iterations)).map((decision) => parseBlock(decision.removed));
const sums: number[] = [];
const candidates = removed.map((_, iteration) => {
  const mask = makeMask(removed.slice(0, iteration));
  const blocks = decisions[iteration].candidates.map(({ block }) => parseBlock(block));
  for (const candidate of iteration === 0 ? [...blocks, null] : blocks)
    config.rowTokens.forEach((_tokens, row) =>
      sums.push(...recorded.get(cellKey({ mask, candidate, row }))!),
    );
  return blocks;
});
const { layerCount, rowTokens, blockType } = config;
const windowSums = Buffer.from(new Float32Array(sums).buffer).toString('base64');
writeFileSync(
  file,
  gzipSync(JSON.stringify({ layerCount, rowTokens, blockType, removed, candidates, windowSums }), {
    level: 9,
  }),
);

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockKind, blockLayer, type BlockIndex } from '@blockpruner/blocks';
import { buildRemovalOrder } from '@blockpruner/journal';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStartBlocks } from './start-mask.ts';
import { UsageError } from './usage-error.ts';

describe('readStartBlocks', () => {
  let folder: TemporaryFolder;
  beforeAll(() => {
    folder = temporaryFolder();
  });
  afterAll(() => folder.remove());

  function file(content: string): string {
    const path = join(folder.path, 'list');
    writeFileSync(path, content);
    return path;
  }

  it('reads blocks', () => {
    expect(readStartBlocks('mha.3+mlp.7').blocks).toEqual([6, 15]);
    expect(readStartBlocks('layer.2,mha.0').blocks).toEqual([4, 5, 0]);
  });

  it('takes the list with the most blocks of a removal order', () => {
    expect(
      readStartBlocks(file('{"9": [["mha", 9]], "10": [["mlp", 0], ["mha", 1]], "2": []}')).blocks,
    ).toEqual([1, 2]);
  });

  it('reads what buildRemovalOrder writes', () => {
    const masks = fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(masks, fc.nat(30), (blocks: BlockIndex[], count) => {
        const start = blocks.slice(0, count).sort((a, b) => a - b);
        const removed = blocks.slice(count).map((block) => `${blockKind(block)}.${blockLayer(block)}`);
        const read = readStartBlocks(file(JSON.stringify(buildRemovalOrder(removed, start))));
        expect(read.blocks).toEqual(blocks.toSorted((a, b) => a - b));
        expect(read.layerCount).toBeUndefined();
      }),
    );
  });

  it('reads a line for each layer', () => {
    expect(readStartBlocks(file('none\nattn\r\nMLP \nattn+mlp\n'))).toMatchObject({
      blocks: [2, 5, 6, 7],
      layerCount: 4,
    });
  });

  it.each([
    ['{"1": [["mha", 1]', /JSON/],
    ['{"all": []}', /"all" is not a number of blocks/],
    ['{}', /there is no list of blocks in it/],
    ['{"1": 3}', /there is no list of blocks in it/],
    ['{"1": [["attn", 3]]}', /list "1" holds \["attn",3\], which is neither/],
    ['{"1": [["mha", -3]]}', /neither/],
    ['{"1": ["mha.3"]}', /neither/],
    ['none\ntoString\n', /line 2 is "toString", expected none, attn, mlp or attn\+mlp/],
    ['', /line 1 is ""/],
  ])('refuses a file that holds %j', (content, message) => {
    const path = file(content);
    expect(() => readStartBlocks(path)).toThrow(UsageError);
    expect(() => readStartBlocks(path)).toThrow(message);
  });

  it('refuses blocks that are none, a folder, and what is not there', () => {
    expect(() => readStartBlocks('mha.x')).toThrow(/--start-mask mha\.x: "mha\.x" is not a block/);
    expect(() => readStartBlocks(folder.path)).toThrow(/nor a file that can be read: EISDIR/);
    expect(() => readStartBlocks('gone.json')).toThrow(/nor a file that can be read: ENOENT/);
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        try {
          readStartBlocks(file(content));
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });
});

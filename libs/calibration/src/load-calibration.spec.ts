import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withFolder } from '../test/folder.ts';
import { byteLevelTokenizer, withSpecialTokens } from '../test/small-tokenizers.ts';
import { loadCalibration, type CalibrationOptions, type CalibrationSet } from './load-calibration.ts';

const bytesOnly = JSON.stringify(byteLevelTokenizer);
/** Letters that no merge joins: one token a letter. */
const letters = 'bcfgijklmopq';

function load(
  files: Readonly<Record<string, string | Uint8Array>>,
  name: string,
  options: Partial<CalibrationOptions> = {},
): Promise<CalibrationSet> {
  const defaults = { rowCount: 4, rowTokens: 5, seed: 0, vocabSize: 1000 };
  return withFolder({ 'tokenizer.json': bytesOnly, ...files }, (folder) =>
    loadCalibration({ ...defaults, path: join(folder, name), tokenizerFolder: folder, ...options }),
  );
}

const text = (length: number): string => letters.repeat(Math.ceil(length / letters.length)).slice(0, length);

describe('a text', () => {
  it('becomes rows in seeded order, with the tail dropped', async () => {
    const set = await load({ 'c.txt': text(38) }, 'c.txt');
    expect(set).toMatchObject({ source: 'text', availableRows: 7, droppedTokens: 3, notes: [] });
    expect(set.rows.map((row) => row.length)).toEqual([5, 5, 5, 5]);
    const other = await load({ 'c.txt': text(38) }, 'c.txt', { seed: 1 });
    expect(other.contentHash).not.toBe(set.contentHash);
    expect(await load({ 'c.txt': text(38) }, 'c.txt')).toEqual(set);
  });

  it('may be an array of strings, joined with a blank line', async () => {
    const joined = await load({ 'c.txt': `${text(20)}\n\n${text(30)}` }, 'c.txt');
    expect(await load({ 'c.json': JSON.stringify([text(20), text(30)]) }, 'c.json')).toEqual(joined);
  });

  it('gets its special tokens once, however many records there are', async () => {
    const files = { 'tokenizer.json': JSON.stringify(withSpecialTokens), 'c.json': '["bcfg", "ijk"]' };
    const set = await load(files, 'c.json', { rowCount: 1, rowTokens: 9 });
    expect(set.rows[0][0]).toBe(260);
    expect([...set.rows[0]].filter((id) => id === 260)).toHaveLength(1);
  });

  it('loses its byte order mark', async () => {
    const set = await load({ 'c.txt': text(25) }, 'c.txt');
    expect(await load({ 'c.txt': `\ufeff${text(25)}` }, 'c.txt')).toEqual(set);
  });

  it('with too few rows is used whole, and a note says so', async () => {
    const set = await load({ 'c.txt': text(12) }, 'c.txt');
    expect(set.rows).toHaveLength(2);
    expect(set.notes).toEqual([
      expect.stringMatching(/c\.txt has only 2 rows of 5 tokens: all of them are used instead of 4\.$/),
    ]);
  });

  it.each([
    [
      'less than a row',
      { 'c.txt': 'bcf' },
      {},
      'too-few-tokens',
      '3 tokens, but one row needs 5; give more text',
    ],
    ['a vocabulary of the wrong size', { 'c.txt': text(10) }, { vocabSize: 60 }, 'token-id', 'has 60 tokens'],
    [
      'rows of one token',
      { 'c.txt': text(10) },
      { rowTokens: 1 },
      'options',
      'rowTokens is 1: give an integer from 2',
    ],
    ['no rows', { 'c.txt': text(10) }, { rowCount: 0 }, 'options', 'rowCount is 0: give an integer from 1'],
    ['a seed of 33 bits', { 'c.txt': text(10) }, { seed: 2 ** 32 }, 'options', 'seed is 4294967296'],
    [
      'invalid UTF-8',
      { 'c.txt': Uint8Array.of(0x61, 0xff, 0x61) },
      {},
      'format',
      'not valid UTF-8; save the file as UTF-8',
    ],
    ['an empty file', { 'c.txt': '' }, {}, 'file', 'the file is empty'],
    [
      'a damaged tokenizer',
      { 'c.txt': 'b', 'tokenizer.json': '{' },
      {},
      'tokenizer',
      'not a tokenizer that can be read',
    ],
    [
      'a foreign tokenizer',
      { 'c.txt': 'b', 'tokenizer.json': '{}' },
      {},
      'tokenizer',
      'not a tokenizer that can be read',
    ],
  ])('is refused with %s', async (_what, files, options, code, message) => {
    await expect(load(files, 'c.txt', options)).rejects.toThrow(
      expect.objectContaining({
        name: 'CalibrationError',
        code,
        message: expect.stringContaining(message) as unknown,
      }),
    );
  });

  it('is refused beyond the size that is encoded in one go', async () => {
    const long = Buffer.alloc(2 ** 24 + 1, 'b');
    await expect(load({ 'c.txt': long }, 'c.txt')).rejects.toMatchObject({ code: 'limit' });
    const quoted = Buffer.concat([Buffer.from('["'), long, Buffer.from('"]')]);
    await expect(load({ 'c.json': quoted }, 'c.json')).rejects.toThrow(
      'give a part of it, or token-id arrays',
    );
  });

  it('is never truncated or padded, whatever tokenizer.json asks for', async () => {
    const truncating = {
      ...byteLevelTokenizer,
      truncation: { direction: 'Right', max_length: 4, strategy: 'LongestFirst', stride: 0 },
      padding: {
        strategy: { Fixed: 64 },
        direction: 'Right',
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '!',
      },
    };
    const files = { 'c.txt': text(23) };
    const { contentHash } = await load(files, 'c.txt');
    const other = await load({ ...files, 'tokenizer.json': JSON.stringify(truncating) }, 'c.txt');
    expect(other).toMatchObject({ contentHash, droppedTokens: 3 });
  });

  it('needs a tokenizer, and the message says what does not', async () => {
    await expect(load({ 'c.txt': text(10) }, 'c.txt', { tokenizerFolder: '/nowhere' })).rejects.toThrow(
      '/nowhere/tokenizer.json: no such file, and a text needs a tokenizer; give token-id arrays (.json)',
    );
  });
});

describe('token-id arrays', () => {
  it('are taken as they are, in file order, without a tokenizer', async () => {
    const set = await load({ 'c.json': '[[5, 6], [1, 2, 3]]' }, 'c.json', { tokenizerFolder: '/nowhere' });
    expect(set.rows).toEqual([Int32Array.of(5, 6), Int32Array.of(1, 2, 3)]);
    expect(set).toMatchObject({ source: 'token-ids', availableRows: 2, droppedTokens: 0 });
    expect(set.notes).toEqual([expect.stringMatching(/^--rows and --seq-len are ignored: /)]);
  });
});

describe('a path', () => {
  it('must name a file that exists, with a known extension', async () => {
    await expect(load({}, 'c.txt')).rejects.toThrow('c.txt: no such file');
    await expect(load({ 'c.csv': 'a' }, 'c.csv')).rejects.toThrow(
      'unknown extension ".csv": .txt and .json are known',
    );
  });

  it('must not name a folder', async () => {
    await withFolder({}, async (folder) => {
      const path = join(folder, 'c.json');
      await mkdir(path);
      const options = { path, rowCount: 1, rowTokens: 5, seed: 0, vocabSize: 10, tokenizerFolder: folder };
      await expect(loadCalibration(options)).rejects.toThrow('c.json: a folder, not a .txt or .json file');
    });
  });
});

import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withFolder } from '../test/folder.ts';
import { byteLevelTokenizer, withSpecialTokens } from '../test/small-tokenizers.ts';
import { tokenizerSource } from '../test/tokenizer-source.ts';
import { findSources } from './find-sources.ts';
import { loadCalibration, type CalibrationOptions, type CalibrationSet } from './load-calibration.ts';

/** Letters that no merge joins: one token a letter. */
const letters = 'bcfgijklmopq';

function load(
  files: Readonly<Record<string, string | Uint8Array>>,
  name: string,
  options: Partial<CalibrationOptions> = {},
): Promise<CalibrationSet> {
  return withFolder(files, async (folder) =>
    loadCalibration({
      ...{ name, files: await findSources(join(folder, name)), rowCount: 4, rowTokens: 5, seed: 0 },
      ...{ pack: 'join', textColumn: null, specialTokens: 'add', tokenizer: tokenizerSource(), ...options },
    }),
  );
}

const loadJson = (records: unknown, options?: Partial<CalibrationOptions>) =>
  load({ 'c.json': JSON.stringify(records) }, 'c.json', options);
const text = (length: number): string => letters.repeat(Math.ceil(length / letters.length)).slice(0, length);
const special = tokenizerSource({ tokenizerJson: JSON.stringify(withSpecialTokens) });
const lengths = (set: CalibrationSet): number[] => set.rows.map((row) => row.length);

describe('a text', () => {
  it('becomes rows in seeded order, with the tail dropped', async () => {
    const set = await load({ 'c.txt': text(38) }, 'c.txt');
    expect(set).toMatchObject({ source: 'text', availableRows: 7, droppedTokens: 3, notes: [], dropped: [] });
    expect(lengths(set)).toEqual([5, 5, 5, 5]);
    const other = await load({ 'c.txt': text(38) }, 'c.txt', { seed: 1 });
    expect(other.contentHash).not.toBe(set.contentHash);
    expect(await load({ 'c.txt': text(38) }, 'c.txt')).toEqual(set);
  });

  it('may be several records, joined with a blank line, in files of any form', async () => {
    const joined = await load({ 'c.txt': `${text(20)}\n\n${text(30)}` }, 'c.txt');
    const [first, second] = [text(20), text(30)];
    const { rows, contentHash } = joined;
    expect(await loadJson([first, second])).toMatchObject({ rows, contentHash, recordCount: 2 });
    expect(await loadJson([{ text: first }, { text: second }])).toMatchObject({ contentHash });
    const lines = `${JSON.stringify(first)}\n${JSON.stringify({ text: second })}\n`;
    expect(await load({ 'c.jsonl': lines }, 'c.jsonl')).toMatchObject({ contentHash });
    expect(await load({ 'a.txt': first, 'b.md': second }, '.')).toMatchObject({ contentHash });
  });

  it('gets its special tokens once, however many records there are, or none', async () => {
    const options = { rowCount: 1, rowTokens: 9, tokenizer: special };
    const set = await loadJson(['bcfg', 'ijk'], options);
    expect(set.rows[0][0]).toBe(260);
    expect([...set.rows[0]].filter((id) => id === 260)).toHaveLength(1);
    expect(set.specialTokens).toEqual({ prefix: [{ token: '<s>', id: 260 }], suffix: [] });
    const without = await loadJson(['bcfg', 'ijk'], { ...options, rowTokens: 8, specialTokens: 'none' });
    expect([...without.rows[0]]).toEqual([...set.rows[0]].slice(1));
    expect(without.specialTokens).toEqual({ prefix: [], suffix: [] });
  });

  it('may be in any column, and records without it are counted', async () => {
    const records = [{ story: text(20) }, { tale: 'x' }, { story: null }];
    const set = await loadJson(records, { textColumn: 'story' });
    expect(set.availableRows).toBe(4);
    expect(set.dropped).toEqual([
      {
        reason: 'no text in the column "story"',
        count: 2,
        first: expect.stringMatching(/c\.json: element 1$/) as string,
      },
    ]);
    await expect(loadJson(records, { textColumn: 'saga' })).rejects.toThrow(
      'no record has a text in the column "saga": there are story; name one with --text-column',
    );
  });

  it('with too few rows is used whole, and a note says so', async () => {
    const set = await load({ 'c.txt': text(12) }, 'c.txt');
    expect(set.rows).toHaveLength(2);
    expect(set.notes).toEqual(['c.txt has only 2 rows of 5 tokens: all of them are used instead of 4.']);
  });

  it('beyond what is encoded in one go is sampled, and a note says so', { timeout: 120_000 }, async () => {
    const line = `${text(99)}\n`;
    const long = Buffer.alloc(2 ** 24 + 2 ** 20, line);
    const options = { rowTokens: 2 ** 17, rowCount: 3 };
    const set = await load({ 'c.txt': long }, 'c.txt', options);
    expect(lengths(set)).toEqual([2 ** 17, 2 ** 17, 2 ** 17]);
    expect(set.notes).toEqual([
      expect.stringMatching(
        /^c\.txt has 17825792 characters: rows are chosen from a seeded sample of 167\d+\.$/,
      ),
    ]);
  });

  it.each<[string, string | Uint8Array, Partial<CalibrationOptions>, string, string]>([
    ['less than a row', 'bcf', {}, 'too-few-tokens', '3 tokens, but one row needs 5; give more text'],
    [
      'a vocabulary of the wrong size',
      text(10),
      { tokenizer: tokenizerSource({ vocabSize: 60 }) },
      'token-id',
      'has 60 tokens',
    ],
    ['rows of one token', text(10), { rowTokens: 1 }, 'options', 'rowTokens is 1: give an integer from 2'],
    ['no rows', text(10), { rowCount: 0 }, 'options', 'rowCount is 0: give an integer from 1'],
    ['a seed of 33 bits', text(10), { seed: 2 ** 32 }, 'options', 'seed is 4294967296'],
    ['invalid UTF-8', Uint8Array.of(0x61, 0xff, 0x61), {}, 'format', 'not valid UTF-8 at byte 1'],
    ['an empty file', '', {}, 'file', 'the file is empty'],
    [
      'no tokenizer',
      text(10),
      {
        tokenizer: tokenizerSource({
          tokenizerJson: null,
          absence: { reason: '/m: has none', wayOut: 'do this' },
        }),
      },
      'tokenizer',
      '/m: has none; do this',
    ],
  ])('is refused with %s', async (_what, content, options, code, message) => {
    await expect(load({ 'c.txt': content }, 'c.txt', options)).rejects.toThrow(
      expect.objectContaining({
        name: 'CalibrationError',
        code,
        message: expect.stringContaining(message) as unknown,
      }),
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
    const { contentHash } = await load({ 'c.txt': text(23) }, 'c.txt');
    const tokenizer = tokenizerSource({ tokenizerJson: JSON.stringify(truncating) });
    const other = await load({ 'c.txt': text(23) }, 'c.txt', { tokenizer });
    expect(other).toMatchObject({ contentHash, droppedTokens: 3 });
  });
});

describe('documents', () => {
  const pack = 'documents';

  it('are a row each: long ones are cut, short ones stay short, none are joined', async () => {
    const set = await loadJson([text(3), text(5), text(12), ''], { pack, rowCount: 9 });
    expect(lengths(set).sort()).toEqual([3, 5, 5]);
    expect(set).toMatchObject({ availableRows: 3, recordCount: 4, droppedTokens: 7 });
    expect(set.dropped).toEqual([
      { reason: 'empty', count: 1, first: expect.stringMatching(/element 3$/) as string },
    ]);
    expect(set.notes).toEqual(['c.json has only 3 rows: all of them are used instead of 9.']);
  });

  it('each get the special tokens', async () => {
    const set = await loadJson([text(3), text(12)], { pack, tokenizer: special });
    expect(set.rows.every((row) => row[0] === 260)).toBe(true);
    expect(lengths(set).sort()).toEqual([4, 5]);
  });

  it('of one token are left out, and others take their place', async () => {
    const records = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? text(2 + (i % 7)) : 'b'));
    const set = await loadJson(records, { pack, rowCount: 100 });
    expect(set.rows).toHaveLength(100);
    expect(set.dropped).toEqual([
      { reason: 'below 2 tokens', count: 200, first: expect.any(String) as string },
    ]);
    await expect(loadJson(['b', 'c'], { pack })).rejects.toThrow(
      'none of its 2 documents has the 2 tokens of a row',
    );
  });

  it('are chosen by seed, and fewer are the beginning of more', async () => {
    const records = Array.from({ length: 40 }, (_, i) => text(2 + i));
    const options = { pack, rowTokens: 64 } as const;
    const many = await loadJson(records, { ...options, rowCount: 20 });
    expect(lengths(many)).not.toEqual(
      lengths(await loadJson(records, { ...options, rowCount: 20, seed: 5 })),
    );
    const few = await loadJson(records, { ...options, rowCount: 7 });
    expect(few.rows).toEqual(many.rows.slice(0, 7));
    expect(new Set(lengths(many)).size).toBe(20);
  });

  it('that are chats get their special tokens from the template alone, the texts between them from the tokenizer', async () => {
    const tokenizer = { ...special, chatTemplate: '{{ bos_token }}{{ messages[0].content }}' };
    const config = { bos_token: '<s>' };
    const records = [
      text(3),
      { messages: [{ role: 'user', content: text(2) }] },
      { messages: [] },
      { text: text(5) },
    ];
    const set = await loadJson(records, { pack, rowTokens: 9, tokenizer: { ...tokenizer, config } });
    expect(set.rows.every((row) => row[0] === 260 && row[1] !== 260)).toBe(true);
    expect(lengths(set).sort()).toEqual([3, 4, 6]);
    expect(set.dropped).toEqual([
      { reason: 'a chat without messages', count: 1, first: expect.stringMatching(/element 2$/) as string },
    ]);
    expect(set.notes).toContain(
      'chats bring their special tokens with the chat template: the tokenizer adds none to them.',
    );
  });

  it('in a file that changes between two readings are refused', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `${JSON.stringify(text(2 + (i % 9)))}\n`);
    await withFolder({ 'c.jsonl': lines.join('') }, async (folder) => {
      const path = join(folder, 'c.jsonl');
      let cut = false;
      const options = { rowCount: 100, rowTokens: 5, seed: 0, pack, textColumn: null } as const;
      const loading = loadCalibration({
        ...options,
        ...{ name: path, files: [path], specialTokens: 'add', tokenizer: tokenizerSource() },
        onProgress: (done, total) => {
          if (done < total || cut) return;
          cut = true;
          writeFileSync(path, lines[0]);
        },
      });
      await expect(loading).rejects.toThrow(/c\.jsonl: changed while it was read; try again$/);
    });
  });

  it('may be whole files, of which only the beginning is kept', async () => {
    const set = await load({ 'a.txt': text(200_000), 'b.txt': text(7) }, '.', { pack });
    expect(lengths(set)).toEqual([5, 5]);
    expect(set).toMatchObject({ recordCount: 2, availableRows: 2 });
  });
});

describe('token ids', () => {
  it('are taken as they are, in file order, without a tokenizer', async () => {
    const tokenizer = tokenizerSource({ tokenizerJson: null, absence: { reason: 'none', wayOut: null } });
    const set = await loadJson(
      [
        [5, 6],
        [1, 2, 3],
      ],
      { tokenizer },
    );
    expect(set.rows).toEqual([Int32Array.of(5, 6), Int32Array.of(1, 2, 3)]);
    expect(set).toMatchObject({
      source: 'token-ids',
      availableRows: 2,
      droppedTokens: 0,
      specialTokens: null,
    });
    expect(set.notes).toEqual([
      'token ids are taken as they are, in file order: --rows, --seq-len, --seed and --pack do nothing.',
    ]);
  });

  it('with padding give the rows that they give without', async () => {
    const row = fc.array(fc.nat({ max: 999 }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 4 }),
        fc.nat({ max: 4 }),
        async (rows, left) => {
          const padded = rows.map((ids) => {
            const right = 12 - left - ids.length;
            const pad = (count: number, value: number) => new Array<number>(count).fill(value);
            return {
              input_ids: [...pad(left, 0), ...ids, ...pad(right, 0)],
              attention_mask: [...pad(left, 0), ...pad(ids.length, 1), ...pad(right, 0)],
            };
          });
          const { rows: given, contentHash } = await loadJson(rows);
          expect(await loadJson(padded)).toMatchObject({ rows: given, contentHash });
        },
      ),
      { numRuns: 20 },
    );
  });

  it('are refused among texts, and texts among them', async () => {
    await expect(loadJson(['a', [1, 2]])).rejects.toThrow(
      /c\.json: element 1 holds token ids while records before it hold text: give one kind$/,
    );
    await expect(loadJson([[1, 2], 'a'])).rejects.toThrow(
      'holds text while records before it hold token ids',
    );
  });
});

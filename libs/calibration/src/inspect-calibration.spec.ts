import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withFolder } from '../test/folder.ts';
import { tokenizerSource } from '../test/tokenizer-source.ts';
import { findSources } from './find-sources.ts';
import { inspectCalibration } from './inspect-calibration.ts';
import { loadCalibration } from './load-calibration.ts';

const OPTIONS = {
  rowCount: 2,
  rowTokens: 5,
  seed: 0,
  pack: 'join',
  textColumn: null,
  specialTokens: 'add',
} as const;

function inspect(records: unknown, given: Partial<Parameters<typeof inspectCalibration>[0]> = {}) {
  return withFolder({ 'c.json': JSON.stringify(records) }, async (folder) => {
    const files = await findSources(join(folder, 'c.json'));
    const options = { ...OPTIONS, name: 'c.json', files, tokenizer: tokenizerSource(), ...given };
    const report = await inspectCalibration(options);
    const set =
      options.tokenizer &&
      (await loadCalibration({ ...options, tokenizer: options.tokenizer }).catch(() => null));
    return { report, set };
  });
}

describe('a look at a calibration set', () => {
  it('shows the rows that a run would take', async () => {
    const { report, set } = await inspect(['bcfgij', 'klmopq', 'bcfgij', 'bc']);
    expect(report).toMatchObject({
      forms: { text: 4 },
      records: 4,
      characters: 20,
      lengths: { min: 2, median: 6, max: 6 },
      duplicates: 1,
      mostRepeated: [{ text: 'bcfgij', count: 2 }],
      sample: ['bcfgij', 'klmopq', 'bcfgij'],
      rows: 2,
      availableRows: 5,
      tokens: 10,
      droppedTokens: 1,
      dropped: [],
      notes: [],
    });
    expect(report.contentHash).toBe(set?.contentHash);
    expect(report.firstRow).toBe('m o p q Ċ');
  });

  it('counts what was left out, and why', async () => {
    const { report } = await inspect([{ text: 'bcfgij' }, { text: null }, { text: '' }], {
      pack: 'documents',
    });
    expect(report.dropped.map(({ reason, count }) => [reason, count])).toEqual([
      ['no text in the column "text"', 1],
      ['empty', 1],
    ]);
  });

  it('says what has no text without a tokenizer too', async () => {
    const { report } = await inspect([{ text: 'bcfgij' }, { text: null }], { tokenizer: null });
    expect(report.dropped.map(({ reason, count }) => [reason, count])).toEqual([
      ['no text in the column "text"', 1],
    ]);
  });

  it('says why no row comes out', async () => {
    const { report } = await inspect(['bc']);
    expect(report).toMatchObject({ records: 1, rows: null, tokens: null, firstRow: null, contentHash: null });
    expect(report.notes).toEqual([
      'c.json: 2 tokens, but one row needs 5; give more text or a shorter --seq-len',
    ]);
  });

  it('needs no tokenizer for all but the rows', async () => {
    const chat = { messages: [{ role: 'user', content: 'hello' }] };
    const { report } = await inspect([chat, chat, { instruction: 'i', output: 'o' }], { tokenizer: null });
    expect(report).toMatchObject({ forms: { chat: 2, alpaca: 1 }, duplicates: 1, rows: null });
    expect(report.notes).toEqual([expect.stringContaining('name one with --model')]);
    expect(report.sample[0]).toBe('user: hello');
  });

  it('measures token ids in tokens', async () => {
    const { report } = await inspect([
      [1, 2, 3],
      [4, 5],
      [1, 2, 3],
    ]);
    expect(report).toMatchObject({
      forms: { 'token-ids': 3 },
      characters: 0,
      lengths: { min: 2, median: 3, max: 3 },
      duplicates: 1,
      rows: 3,
      tokens: 8,
    });
  });

  it('cuts what it shows of a long record', async () => {
    const { report } = await inspect(['b'.repeat(5000), 'c'.repeat(5000)]);
    expect(report.sample.map((text) => text.length)).toEqual([201, 201]);
  });
});

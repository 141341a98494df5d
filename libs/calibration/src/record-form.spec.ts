import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CalibrationError } from './calibration-error.ts';
import { formOf } from './record-form.ts';

const form = (value: unknown, textColumn: string | null = null) =>
  formOf({ file: '/data/c.jsonl', place: 'line 3', value, continues: false }, textColumn);

describe('the form of a record', () => {
  it.each<[string, unknown, object]>([
    ['a string', 'a', { kind: 'text', text: 'a' }],
    ['token ids', [1, 2], { kind: 'token-ids', ids: [1, 2] }],
    ['an object with a text', { text: 'a', url: 'b' }, { kind: 'text', text: 'a' }],
    ['input_ids', { input_ids: [1, 2] }, { kind: 'token-ids', ids: [1, 2] }],
    [
      'input_ids with padding on either side, which is removed',
      { input_ids: [0, 0, 5, 6, 7, 0], attention_mask: [0, 0, 1, 1, 1, 0] },
      { kind: 'token-ids', ids: [5, 6, 7] },
    ],
    [
      'Alpaca without an input',
      { instruction: 'i', output: 'o', text: 'rendered' },
      { kind: 'alpaca', record: { instruction: 'i', input: '', output: 'o' } },
    ],
    [
      'Alpaca with an input',
      { instruction: 'i', input: 'x', output: 'o' },
      { kind: 'alpaca', record: { instruction: 'i', input: 'x', output: 'o' } },
    ],
    [
      'a chat',
      { messages: [{ role: 'user', content: 'a' }] },
      { kind: 'chat', messages: [{ role: 'user', content: 'a' }] },
    ],
    [
      'a chat with tool calls, without what is null',
      {
        messages: [{ role: 'assistant', content: null, name: null, tool_calls: [{ name: 'f' }] }],
      },
      { kind: 'chat', messages: [{ role: 'assistant', tool_calls: [{ name: 'f' }] }] },
    ],
    [
      'a chat with reasoning, under the names that templates have for it',
      { messages: [{ role: 'assistant', content: 'a', reasoning: 'b' }] },
      {
        kind: 'chat',
        messages: [
          { role: 'assistant', content: 'a', reasoning: 'b', thinking: 'b', reasoning_content: 'b' },
        ],
      },
    ],
    [
      'a chat without messages',
      { messages: [] },
      { kind: 'absent', reason: 'a chat without messages', columns: ['messages'] },
    ],
    [
      'a chat of ShareGPT',
      {
        conversations: [
          { from: 'human', value: 'a' },
          { from: 'gpt', value: 'b' },
        ],
      },
      {
        kind: 'chat',
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
    ],
    [
      'a record whose text is null',
      { text: null, id: 1 },
      { kind: 'absent', reason: 'no text in the column "text"', columns: ['text', 'id'] },
    ],
  ])('is that of %s', (_, value, expected) => {
    expect(form(value)).toEqual(expected);
  });

  it('is that of the column that is named, whatever else is there', () => {
    const record = { instruction: 'i', output: 'o', story: 's' };
    expect(form(record, 'story')).toEqual({ kind: 'text', text: 's' });
    expect(form(record, 'tale')).toEqual({
      kind: 'absent',
      reason: 'no text in the column "tale"',
      columns: ['instruction', 'output', 'story'],
    });
  });

  it.each<[unknown, string]>([
    [3, 'is a number: a record is a string'],
    [null, 'is null: a record is'],
    [{ a: 1, b: 2 }, 'has the columns a, b: a record is a string'],
    [{}, 'has the columns (none)'],
    [{ text: 3 }, 'has a number in "text": expected a string'],
    [{ instruction: ['i'], output: 'o' }, 'has an array in "instruction": expected a string'],
    [{ messages: 'a' }, 'has a string in "messages": expected an array'],
    [{ messages: [{ role: 'user' }] }, 'no role and content, or from and value, in entry 0 of "messages"'],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }] }, 'in entry 0 of "messages"'],
    [{ conversations: [{ from: 'human', value: 3 }] }, 'in entry 0 of "conversations"'],
    [{ messages: [null] }, 'in entry 0 of "messages"'],
    [{ input_ids: 'a' }, 'has a string in "input_ids": expected an array'],
    [{ input_ids: [1, 2], attention_mask: [1] }, 'not a 0 or 1 for each of 2 input_ids'],
    [{ input_ids: [1, 2], attention_mask: [1, 2] }, 'not a 0 or 1 for each of 2 input_ids'],
    [JSON.parse('{"__proto__": {"text": "a"}}'), 'has the columns __proto__'],
  ])('of %j is refused, with the place', (value, message) => {
    expect(() => form(value)).toThrow(
      expect.objectContaining({
        name: 'CalibrationError',
        code: 'format',
        message: expect.stringMatching(/^\/data\/c\.jsonl: line 3 [^\n]{1,360}$/) as string,
      }),
    );
    expect(() => form(value)).toThrow(message);
  });

  it('is decided, or refused with one CalibrationError, for any JSON', () => {
    const column = fc.constantFrom(
      'text',
      'input_ids',
      'attention_mask',
      'messages',
      'instruction',
      'output',
    );
    const value = fc.oneof(fc.dictionary(column, fc.jsonValue()), fc.jsonValue());
    fc.assert(
      fc.property(value, fc.option(column), (record, textColumn) => {
        try {
          expect(form(record, textColumn)).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(CalibrationError);
        }
      }),
    );
  });
});

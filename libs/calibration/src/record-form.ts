import type { AlpacaRecord } from './alpaca-template.ts';
import { CalibrationError } from './calibration-error.ts';
import type { ChatMessage } from './chat-message.ts';
import type { SourceRecord } from './source-record.ts';

/** What a record is, by its form. */
export type RecordForm =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'token-ids'; readonly ids: readonly unknown[] }
  | { readonly kind: 'alpaca'; readonly record: AlpacaRecord }
  | { readonly kind: 'chat'; readonly messages: readonly ChatMessage[] }
  /** Nothing to make a row of. */
  | { readonly kind: 'absent'; readonly reason: string; readonly columns: readonly string[] };

const ACCEPTED =
  'a record is a string, an array of token ids, or an object with text, instruction and output, messages, ' +
  'conversations or input_ids; name another column with --text-column';

/** The names that ShareGPT has for the roles of a chat template. */
const SHAREGPT_ROLES: Readonly<Record<string, string>> = {
  human: 'user',
  gpt: 'assistant',
  bing: 'assistant',
};

/**
 * Decides what a record is.
 * @throws CalibrationError naming its place when it is nothing that is known
 */
export function formOf(source: SourceRecord, textColumn: string | null): RecordForm {
  const { value } = source;
  if (typeof value === 'string') return { kind: 'text', text: value };
  if (Array.isArray(value)) return { kind: 'token-ids', ids: value };
  if (typeof value !== 'object' || value === null) {
    throw malformed(source, `is ${nameOf(value)}: ${ACCEPTED}`);
  }
  const record = value as Record<string, unknown>;
  const has = (name: string): boolean => Object.hasOwn(record, name) && record[name] !== null;
  if (textColumn !== null) return textIn(source, record, textColumn);
  if (has('input_ids')) return { kind: 'token-ids', ids: unpadded(source, record) };
  if (has('messages')) return chatIn(source, record, 'messages');
  if (has('conversations')) return chatIn(source, record, 'conversations');
  if (has('instruction') && has('output')) {
    const column = (name: string): string => stringIn(source, record, name);
    const input = has('input') ? column('input') : '';
    return {
      kind: 'alpaca',
      record: { instruction: column('instruction'), input, output: column('output') },
    };
  }
  if (Object.hasOwn(record, 'text')) return textIn(source, record, 'text');
  const columns = Object.keys(record).join(', ').slice(0, 100);
  throw malformed(source, `has the columns ${columns || '(none)'}: ${ACCEPTED}`);
}

function textIn(source: SourceRecord, record: Record<string, unknown>, column: string): RecordForm {
  if (!Object.hasOwn(record, column) || record[column] === null) {
    const reason = `no text in the column ${JSON.stringify(column)}`;
    return { kind: 'absent', reason, columns: Object.keys(record) };
  }
  return { kind: 'text', text: stringIn(source, record, column) };
}

function stringIn(source: SourceRecord, record: Record<string, unknown>, column: string): string {
  const value = record[column];
  if (typeof value === 'string') return value;
  throw malformed(
    source,
    `has ${nameOf(value)} in ${JSON.stringify(column.slice(0, 40))}: expected a string`,
  );
}

/** The ids where `attention_mask` is not 0: the others are padding, which is never a target. */
function unpadded(source: SourceRecord, record: Record<string, unknown>): readonly unknown[] {
  const { input_ids: ids, attention_mask: mask } = record;
  if (!Array.isArray(ids)) throw malformed(source, `has ${nameOf(ids)} in "input_ids": expected an array`);
  if (mask === undefined || mask === null) return ids;
  if (!Array.isArray(mask) || mask.length !== ids.length || mask.some((bit) => bit !== 0 && bit !== 1)) {
    throw malformed(
      source,
      `has an "attention_mask" that is not a 0 or 1 for each of ${ids.length} input_ids`,
    );
  }
  return ids.filter((_, i) => mask[i] === 1);
}

function chatIn(source: SourceRecord, record: Record<string, unknown>, column: string): RecordForm {
  const value = record[column];
  if (!Array.isArray(value))
    throw malformed(source, `has ${nameOf(value)} in "${column}": expected an array`);
  if (value.length === 0) {
    return { kind: 'absent', reason: 'a chat without messages', columns: Object.keys(record) };
  }
  const messages = value.map((entry: unknown, i) => {
    const message = messageOf((entry ?? {}) as Record<string, unknown>);
    if (message) return message;
    throw malformed(source, `has no role and content, or from and value, in entry ${i} of "${column}"`);
  });
  return { kind: 'chat', messages };
}

/** As transformers' `apply_chat_template` hands it on: without what is null, reasoning under the names in use. */
function messageOf(entry: Record<string, unknown>): ChatMessage | null {
  const fields = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== null));
  const { role, content, from, value } = fields;
  if (role === undefined && typeof from === 'string' && typeof value === 'string') {
    return { role: Object.hasOwn(SHAREGPT_ROLES, from) ? SHAREGPT_ROLES[from] : from, content: value };
  }
  // Where parts stand for the text, the Jinja library would write `[object Object]` into many a template.
  const isSaid = typeof content === 'string' || (content === undefined && Array.isArray(fields.tool_calls));
  if (typeof role !== 'string' || !isSaid) return null;
  const reasoning = fields.reasoning_content ?? fields.thinking ?? fields.reasoning;
  if (reasoning === undefined) return { ...fields, role };
  return { thinking: reasoning, ...fields, reasoning_content: reasoning, role };
}

/** @throws CalibrationError naming file and place */
export function malformed({ file, place }: SourceRecord, reason: string): CalibrationError {
  return new CalibrationError('format', `${file}: ${place} ${reason}`);
}

/** What a value is, in words. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

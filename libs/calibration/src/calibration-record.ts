import type { TokenizerFiles } from '@blockpruner/checkpoint';
import { renderAlpaca } from './alpaca-template.ts';
import { CalibrationError } from './calibration-error.ts';
import type { ChatMessage } from './chat-message.ts';
import { ChatRenderer } from './chat-renderer.ts';
import { readRecords } from './read-records.ts';
import { formOf, type RecordForm } from './record-form.ts';
import type { SourceRecord } from './source-record.ts';

/** A record as rows are made of it. */
export type CalibrationRecord = { readonly source: SourceRecord } & (
  | { readonly kind: 'text' | 'alpaca' | 'chat'; readonly text: string; readonly continues: boolean }
  | { readonly kind: 'token-ids'; readonly ids: readonly unknown[] }
  | { readonly kind: 'absent'; readonly reason: string; readonly columns: readonly string[] }
);

export interface RecordOptions {
  readonly files: readonly string[];
  readonly textColumn: string | null;
  /** For chats; null where there is no model, and chats are shown message by message. */
  readonly tokenizer: TokenizerFiles | null;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Records that are rendered in one go: enough that a process does not wait for each. */
const BATCH_RECORDS = 256;
const BATCH_CHARACTERS = 2 ** 20;

/**
 * The records of calibration files with their text, Alpaca records and chats rendered.
 * @throws CalibrationError at the first record that cannot be one
 */
export async function* readCalibrationRecords(options: RecordOptions): AsyncGenerator<CalibrationRecord> {
  let renderer: ChatRenderer | null = null;
  try {
    let batch: [SourceRecord, RecordForm][] = [];
    let characters = 0;
    for await (const source of readRecords(options.files, options)) {
      const form = formOf(source, options.textColumn);
      batch.push([source, form]);
      characters += sizeOf(form);
      if (batch.length < BATCH_RECORDS && characters < BATCH_CHARACTERS) continue;
      renderer ??= rendererFor(batch, options.tokenizer);
      yield* await withTexts(batch, renderer);
      batch = [];
      characters = 0;
    }
    renderer ??= rendererFor(batch, options.tokenizer);
    yield* await withTexts(batch, renderer);
  } finally {
    renderer?.close();
  }
}

function sizeOf(form: RecordForm): number {
  if (form.kind === 'text') return form.text.length;
  if (form.kind === 'token-ids') return form.ids.length;
  if (form.kind === 'chat') return form.messages.reduce((sum, message) => sum + shown(message).length, 0);
  return 1024;
}

/** A message where there is no chat template. */
function shown({ role, content, tool_calls: calls }: ChatMessage): string {
  return `${role}: ${typeof content === 'string' ? content : JSON.stringify(calls)}`;
}

function rendererFor(
  batch: readonly (readonly [SourceRecord, RecordForm])[],
  tokenizer: TokenizerFiles | null,
): ChatRenderer | null {
  const hasChats = batch.some(([, { kind }]) => kind === 'chat');
  return hasChats && tokenizer ? new ChatRenderer(tokenizer) : null;
}

async function withTexts(
  batch: readonly (readonly [SourceRecord, RecordForm])[],
  renderer: ChatRenderer | null,
): Promise<CalibrationRecord[]> {
  const chats = batch.flatMap(([{ file, place }, form]) => {
    return form.kind === 'chat' ? [{ where: `${file}: ${place}`, messages: form.messages }] : [];
  });
  const rendered =
    renderer === null || chats.length === 0
      ? chats.map(({ messages }) => messages.map(shown).join('\n'))
      : await renderer.render(chats);
  let nextChat = 0;
  return batch.map(([source, form]): CalibrationRecord => {
    switch (form.kind) {
      case 'chat':
        return { source, kind: 'chat', text: rendered[nextChat++], continues: false };
      case 'alpaca':
        return { source, kind: 'alpaca', text: renderAlpaca(form.record), continues: false };
      case 'text':
        return { source, kind: 'text', text: form.text, continues: source.continues };
      case 'token-ids':
      case 'absent':
        return { source, ...form };
    }
  });
}

/** @throws CalibrationError when a set holds both token ids and texts */
export function requireOneKind(first: CalibrationRecord | null, next: CalibrationRecord): void {
  if (first === null || (first.kind === 'token-ids') === (next.kind === 'token-ids')) return;
  const is = (record: CalibrationRecord): string => (record.kind === 'token-ids' ? 'token ids' : 'text');
  throw new CalibrationError(
    'format',
    `${next.source.file}: ${next.source.place} holds ${is(next)} while records before it hold ${is(first)}: give one kind`,
  );
}

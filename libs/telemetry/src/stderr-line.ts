import { prettyFactory } from 'pino-pretty';
import { describeIteration, ITERATION_MESSAGE, type IterationFields } from './iteration.ts';

/** How log lines look on stderr: for a person, or one JSON object a line. */
export type LogFormat = 'pretty' | 'json';

type LogRecord = Record<string, unknown>;

/**
 * Makes the function that turns a JSON log line into what stderr shows. An error is one line without its
 * stack: that goes to the log file only.
 * @param fields that every line carries: a person does not see them
 */
export function stderrFormatter(
  format: LogFormat,
  colors: boolean,
  fields: () => object = () => ({}),
): (line: string) => string {
  if (format === 'json') return withoutStack;
  const pretty = prettyFactory({
    colorize: colors,
    ignore: 'pid,hostname',
    translateTime: false,
    singleLine: true,
    errorLikeObjectKeys: [], // these would get lines of their own
  });
  return (line) => pretty(without(Object.keys(fields()), forPeople(JSON.parse(line) as LogRecord)));
}

function without(names: readonly string[], record: LogRecord): LogRecord {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

function withoutStack(line: string): string {
  if (!line.includes('"stack":')) return line;
  const record = JSON.parse(line) as LogRecord;
  const error = asRecord(record.err);
  if (error) record.err = { type: error.type, message: error.message };
  return `${JSON.stringify(record)}\n`;
}

function forPeople(record: LogRecord): LogRecord {
  if (record.msg === ITERATION_MESSAGE && 'iteration' in record) {
    const { level, time } = record;
    return { level, time, msg: describeIteration(record as unknown as IterationFields) };
  }
  const { err, ...rest } = record;
  const error = asRecord(err);
  if (error) {
    const message = typeof rest.msg === 'string' ? rest.msg : '';
    const cause = String(error.message);
    rest.msg = cause.startsWith(message) ? cause : `${message}: ${cause}`;
  } else if ('err' in record) rest.err = err;
  const entries = Object.entries(rest).map(([key, value]) => [
    key,
    typeof value === 'string' ? onOneLine(value) : value,
  ]);
  return Object.fromEntries(entries) as LogRecord;
}

function asRecord(value: unknown): LogRecord | undefined {
  return typeof value === 'object' && value !== null ? (value as LogRecord) : undefined;
}

/** Without line breaks, and without what would move the cursor or change the colours of a terminal. */
function onOneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]*\p{Cc}[\s\p{Cc}]*/gu, ' ').trim();
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeTerminal } from '../test/fake-terminal.ts';
import { attachLogFile, closeLogger, createLogger, type LoggerOptions } from './logger.ts';

type LogRecord = Record<string, unknown> & { err: { message: string; stack: string } };

const parse = (line: string): LogRecord => JSON.parse(line) as LogRecord;
const readLines = (path: string): LogRecord[] =>
  readFileSync(path, 'utf8').split('\n').slice(0, -1).map(parse);

function logging(options: Partial<LoggerOptions> = {}, { isTTY = false } = {}) {
  const terminal = new FakeTerminal({ isTTY });
  return {
    terminal,
    logger: createLogger({ level: 'info', format: 'pretty', stream: terminal, ...options }),
  };
}

function withPath(use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
  try {
    use(join(folder, 'log.jsonl'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('stderr', () => {
  it('shows ISO time, level, message and fields, and no pid or host, for a person', () => {
    const { terminal, logger } = logging();
    logger.info({ rows: 3 }, 'hello');
    expect(terminal.text).toMatch(/^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] INFO: hello \{"rows":3\}\n$/);
  });

  it('shows no fields of every line to a person', () => {
    const { terminal, logger } = logging({ fields: () => ({ run: 'c0ffee00', iteration: 1 }) });
    logger.info({ rows: 3, iteration: 7 }, 'hello');
    expect(terminal.text).toMatch(/INFO: hello \{"rows":3\}\n$/);
  });

  it('has the fields of every line as they are at that moment', () => {
    const fields = { worker: 'node-7:12', run: undefined as string | undefined };
    const { terminal, logger } = logging({ format: 'json', fields: () => fields });
    logger.info({ rows: 3 }, 'first');
    fields.run = 'c0ffee00';
    logger.info('second');
    const [first, second] = terminal.text.trimEnd().split('\n').map(parse);
    expect(first).toMatchObject({ worker: 'node-7:12', rows: 3, msg: 'first' });
    expect(first).not.toHaveProperty('run');
    expect(second).toMatchObject({ worker: 'node-7:12', run: 'c0ffee00', msg: 'second' });
    expect(second).not.toHaveProperty('rows');
  });

  it('shows one JSON object a line for a machine', () => {
    const { terminal, logger } = logging({ format: 'json' });
    logger.warn({ rows: 3 }, 'hello');
    expect(parse(terminal.text)).toMatchObject({ level: 40, rows: 3, msg: 'hello', pid: process.pid });
    expect(parse(terminal.text).time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('uses colours on a terminal only', () => {
    const onTerminal = logging({}, { isTTY: true });
    onTerminal.logger.info('hello');
    expect(onTerminal.terminal.text).toContain('\u001b[');
    const elsewhere = logging();
    elsewhere.logger.info('hello');
    expect(elsewhere.terminal.text).not.toContain('\u001b[');
  });

  it('shows its own level and above', () => {
    const { terminal, logger } = logging({ level: 'warn' });
    logger.debug('debug');
    logger.info('info');
    logger.warn('warn');
    expect(terminal.lines).toHaveLength(1);
    const silent = logging({ level: 'silent' });
    silent.logger.fatal('fatal');
    expect(silent.terminal.text).toBe('');
    const trace = logging({ level: 'trace' });
    trace.logger.trace('trace');
    expect(trace.terminal.lines).toHaveLength(1);
  });

  it('shows an error on one line, with its cause and without its stack', () => {
    const error = new Error('first\nsecond', { cause: new Error('the cause') });
    const { terminal, logger } = logging();
    logger.error(error);
    logger.error({ err: error, worker: 'w1' }, 'task failed');
    expect(terminal.lines.map((line) => line.replace(/^.*ERROR: /, ''))).toEqual([
      'first second: the cause',
      'task failed: first second: the cause {"worker":"w1"}',
    ]);
    const json = logging({ format: 'json' });
    json.logger.error(error);
    expect(parse(json.terminal.text).err).toEqual({ type: 'Error', message: 'first\nsecond: the cause' });
  });

  it('shows an err that is no error as a field, and fields without a message', () => {
    const { terminal, logger } = logging();
    logger.info({ err: 'ENOENT', rows: 3 });
    expect(terminal.text).toMatch(/INFO: \{"rows":3,"err":"ENOENT"\}\n$/);
  });

  it('never lets a message move the cursor', () => {
    const { terminal, logger } = logging();
    logger.info({ name: 'n\u001b[2J', file: { path: '\u001b[2J' } }, 'a\u001b[2Jb\rc');
    expect(terminal.text).toMatch(/INFO \(n \[2J\): a \[2Jb c \{"file":\{"path":"\\u001b\[2J"\}\}\n$/);
  });
});

describe('the log file', () => {
  it('gets lines from debug up as JSON, with stacks, from the time it is attached', () => {
    withPath((path) => {
      const { terminal, logger } = logging();
      const child = logger.child({ worker: 'w1' });
      logger.info('too early');
      attachLogFile(logger, path);
      logger.trace('too low');
      child.debug('detail');
      logger.error(new Error('broken'));
      closeLogger(logger);
      const [detail, broken, ...rest] = readLines(path);
      expect(detail).toMatchObject({ level: 20, worker: 'w1', msg: 'detail' });
      expect(broken.err.stack).toContain('logger.spec.ts');
      expect(rest).toEqual([]);
      expect(terminal.lines).toHaveLength(2);
    });
  });

  it('may be given at the start, is appended to, and is closed twice without harm', () => {
    withPath((path) => {
      for (const message of ['one', 'two']) {
        const { terminal, logger } = logging({ logFile: path });
        logger.info(message);
        closeLogger(logger);
        closeLogger(logger);
        logger.info('after');
        expect(terminal.lines).toHaveLength(2);
      }
      expect(readLines(path).map((line) => line.msg)).toEqual(['one', 'two']);
    });
  });

  it('that cannot be written is reported once, and logging goes on', () => {
    withPath((path) => {
      const { terminal, logger } = logging({ logFile: join(path, 'missing', 'log.jsonl') });
      logger.info('one');
      logger.info('two');
      closeLogger(logger);
      const messages = terminal.lines.map((line) => line.replace(/^\[.*?\] /, ''));
      expect(messages).toEqual([
        'INFO: one',
        expect.stringMatching(/^WARN: .*log\.jsonl cannot be written; going on .*: ENOENT/),
        'INFO: two',
      ]);
    });
  });

  it('belongs to a logger of this library', () => {
    expect(() => attachLogFile({} as LoggerOptions as never, '/nowhere')).toThrow(
      'not a logger of createLogger',
    );
  });
});

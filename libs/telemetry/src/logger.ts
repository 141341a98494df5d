import { pino, symbols, type Level, type LevelWithSilent, type Logger } from 'pino';
import { LiveStream, type TerminalStream } from './live-stream.ts';
import { LogFile } from './log-file.ts';
import { stderrFormatter, type LogFormat } from './stderr-line.ts';

/** How a process logs. */
export interface LoggerOptions {
  /** Lowest level that stderr shows. */
  readonly level: LevelWithSilent;
  readonly format: LogFormat;
  /** Where log lines go; give the `LiveStream` that a progress display draws on. */
  readonly stream: TerminalStream | LiveStream;
  /** What every line carries, asked at each; not shown to people, who would see the same in line after line. */
  readonly fields?: () => object;
  /** A file that gets every line from level debug up, as JSON. */
  readonly logFile?: string;
}

const FILE_LEVEL: Level = 'debug';

/** Asks pino to set `lastLevel` of a stream before each write. */
const SETS_LAST_LEVEL: unique symbol = Symbol.for('pino.metadata');

/**
 * Makes the logger of a process. Every line is written before the call returns; a stream or file that fails
 * never throws into the caller.
 */
export function createLogger({ level, format, stream, fields, logFile }: LoggerOptions): Logger {
  const live = stream instanceof LiveStream ? stream : new LiveStream(stream);
  const sink = new LogSink(live, levelNumber(level), stderrFormatter(format, live.isTty, fields));
  const lowest = levelNumber(level) < levelNumber(FILE_LEVEL) ? level : FILE_LEVEL;
  const timestamp = pino.stdTimeFunctions.isoTime;
  const logger = pino({ level: lowest, timestamp, ...(fields && { mixin: () => ({ ...fields() }) }) }, sink);
  if (logFile !== undefined) attachLogFile(logger, logFile);
  return logger;
}

/**
 * From now on lines from level debug up also go to the file, always as JSON and with the stacks of errors. A
 * file attached before is closed. Children of the logger, earlier ones too, share the file.
 */
export function attachLogFile(logger: Logger, path: string): void {
  sinkOf(logger).attach(
    new LogFile(path, (error) => {
      logger.warn({ err: error }, `${path} cannot be written; going on without the lines that are lost`);
    }),
  );
}

/** Closes the log file, if there is one. Lines still go to stderr. Safe to call twice, and at exit. */
export function closeLogger(logger: Logger): void {
  sinkOf(logger).attach(undefined);
}

function levelNumber(level: LevelWithSilent): number {
  return level === 'silent' ? Infinity : pino.levels.values[level];
}

function sinkOf(logger: Logger): LogSink {
  const sink = (logger as unknown as Record<symbol, unknown>)[symbols.streamSym];
  if (!(sink instanceof LogSink)) throw new TypeError('not a logger of createLogger');
  return sink;
}

/** Sends each line of pino to stderr and to the log file, by level. */
class LogSink {
  readonly [SETS_LAST_LEVEL] = true;
  lastLevel = 0;
  private readonly live: LiveStream;
  private readonly stderrLevel: number;
  private readonly format: (line: string) => string;
  private file: LogFile | undefined;

  constructor(live: LiveStream, stderrLevel: number, format: (line: string) => string) {
    this.live = live;
    this.stderrLevel = stderrLevel;
    this.format = format;
  }

  attach(file: LogFile | undefined): void {
    this.file?.close();
    this.file = file;
  }

  /** The file comes last: when it fails, the warning is a line of its own and changes `lastLevel`. */
  write(line: string): void {
    const level = this.lastLevel;
    if (level >= this.stderrLevel) this.live.write(this.format(line));
    if (level >= levelNumber(FILE_LEVEL)) this.file?.write(line);
  }
}

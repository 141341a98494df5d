import {
  attachLogFile,
  closeLogger,
  createLogger,
  LiveStream,
  ProgressDisplay,
  type LogFormat,
  type Logger,
} from '@blockpruner/telemetry';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LogFields {
  /** The run's id. */
  run?: string;
  /** Number of the iteration under way. */
  iteration?: number;
}

/** Everything a command says: log lines and progress on stderr, results on stdout. */
export interface Console {
  /** What every log line carries, from when it is known. */
  readonly logFields: LogFields;
  readonly logger: Logger;
  readonly progress: ProgressDisplay;
  /** Log lines go to the run's `log.jsonl` too, from now on. */
  attachLogFile(path: string): void;
  /** A part of a result, as it comes; nothing but results is ever written to stdout. */
  write(text: string): void;
  /** A result, or its last line. */
  print(text: string): void;
  close(): void;
}

export function openConsole(level: LogLevel, format: 'auto' | LogFormat): Console {
  const isTty = process.stderr.isTTY;
  const stream = new LiveStream(process.stderr);
  const logFields: LogFields = {};
  const logger = createLogger({
    fields: () => logFields,
    level,
    format: format === 'auto' ? (isTty ? 'pretty' : 'json') : format,
    stream,
  });
  const progress = new ProgressDisplay({ stream, isTty, logger, nowMs: () => performance.now() });
  return {
    logFields,
    logger,
    progress,
    attachLogFile: (path) => attachLogFile(logger, path),
    write: (text) => void process.stdout.write(text),
    print: (text) => void process.stdout.write(`${text}\n`),
    close: () => {
      progress.close();
      closeLogger(logger);
    },
  };
}

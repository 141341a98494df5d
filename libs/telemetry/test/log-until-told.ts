/** Waits for its stdin to end, logs to stderr for a while, and says on stdout how far it came. */
import { createLogger, LiveStream, ProgressDisplay } from '../src/index.ts';

const stream = new LiveStream(process.stderr);
const logger = createLogger({ level: 'info', format: 'pretty', stream });
const progress = new ProgressDisplay({ stream, isTty: true, logger, nowMs: () => performance.now() });
process.stdin.resume();
process.stdin.once('end', () => {
  let count = 0;
  const log = (): void => {
    logger.info({ count }, 'a line that nobody reads');
    progress.update({ title: `title ${count}`, done: count, total: 100 });
    if (++count < 100) setImmediate(log);
    else process.stdout.write(`logged ${count}\n`);
  };
  log();
});

/**
 * The worker: dials the coordinator, computes in a child process of its own, and answers while it computes.
 *
 * The pieces: options.ts - the command line, as worker-help.ts tells it, from given-options.ts - flags and environment,
 * and option-values.ts; security-options.ts - its part on TLS and token, monitoring-options.ts - on health and metrics;
 * device.ts - dtype and memory of the device; connection.ts - hello, heartbeats and dialling again; worker-watch.ts -
 * what is seen from outside: worker-state.ts, activity-clock.ts, work-account.ts, resident-memory.ts, and work-summary.ts,
 * the line a minute, as worker-identity.ts says whose; model-locator.ts - the run's model on this
 * machine, fetched where it is not, with fetch-log.ts; task-runner.ts - the tasks in hand; compute-child.ts - the process
 * that computes them, in compute-environment.ts; plan-limit.ts - what fits into memory; parent-pipe.ts - what the
 * process that started us tells, and that it is gone; self-test.ts - one block evaluated, for `blockpruner doctor`; usage-error.ts. model-child.ts is
 * the main of another process: it holds one model for a command.
 */
import { tryGpu } from '@blockpruner/inference';
import { openMonitoring } from '@blockpruner/monitoring';
import { createLogger } from '@blockpruner/telemetry';
import { computeEnvironment } from './compute-environment.ts';
import { connectToCoordinator } from './connection.ts';
import { findDevice } from './device.ts';
import { parseWorkerCommand, type WorkerOptions } from './options.ts';
import { watchParent } from './parent-pipe.ts';
import { selfTest } from './self-test.ts';
import { WorkerUsageError } from './usage-error.ts';
import { WORKER_HELP } from './worker-help.ts';
import { ownIdentity } from './worker-identity.ts';
import { watchWorker } from './worker-watch.ts';

const LONGEST_ERROR_LINE = 400;

async function main(): Promise<number> {
  const command = parseWorkerCommand(process.argv.slice(2), process.env);
  switch (command.kind) {
    case 'help':
      process.stdout.write(`${WORKER_HELP}\n`);
      return 0;
    case 'self-test':
      process.stdout.write(`${JSON.stringify(await selfTest())}\n`);
      return 0;
    case 'work':
      return work(command.options);
  }
}

async function work(options: WorkerOptions): Promise<number> {
  const identity = ownIdentity();
  const format =
    options.logFormat === 'auto' ? (process.stderr.isTTY ? 'pretty' : 'json') : options.logFormat;
  const logger = createLogger({
    level: options.logLevel,
    format,
    stream: process.stderr,
    // Whoever looks at a terminal knows whose it is.
    ...(format === 'json' && { fields: () => identity }),
  });
  for (const warning of options.warnings) logger.warn(warning);
  const monitoring = await openMonitoring(options.monitoring, 'starting', logger);
  const watch = watchWorker(options, monitoring, logger);
  const environment = computeEnvironment(process.env);
  // Before it is dialled: a coordinator has no use for a worker that will not compute.
  if (options.device !== 'cpu') await tryGpu(options.device, environment);
  const device = findDevice(options, process.env.CUDA_VISIBLE_DEVICES);
  const connection = connectToCoordinator(options, device, environment, identity, watch, logger);
  if (options.parentPipe) {
    watchParent({
      onDrain: () => connection.drain('terminated'),
      onGone: () => connection.stop('the process that started this worker is gone', 0),
    });
    process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole process group; the parent decides
  } else {
    process.on('SIGINT', () => connection.stop('interrupted', 130));
  }
  process.once('SIGTERM', () => {
    process.on('SIGTERM', () => connection.stop('terminated', 0));
    connection.drain('terminated');
  });
  const { exitCode, error } = await connection.ended;
  if (error !== undefined) writeError(error);
  return exitCode;
}

function writeError(message: string): void {
  process.stderr.write(
    `${`error: ${message.replaceAll(/\s*\n\s*/g, '; ')}`.slice(0, LONGEST_ERROR_LINE - 1)}\n`,
  );
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    writeError(error instanceof Error ? error.message : String(error));
    process.exit(error instanceof WorkerUsageError ? 2 : 1);
  },
);

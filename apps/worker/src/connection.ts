import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { oomKills } from '@blockpruner/inference';
import { formatDuration, type Logger } from '@blockpruner/telemetry';
import {
  FleetClient,
  parseAddress,
  PROTOCOL_VERSION,
  type CloseReason,
  type CoordinatorMessage,
  type Welcome,
  type WorkerMessage,
} from '@blockpruner/wire';
import type { Device } from './device.ts';
import { ModelLocator } from './model-locator.ts';
import type { WorkerOptions } from './options.ts';
import { TaskRunner, type RunnerListener } from './task-runner.ts';
import type { WorkerIdentity } from './worker-identity.ts';
import type { WorkerWatch } from './worker-watch.ts';

/** How a worker ended; `error` is the one line that says why it failed. */
export interface WorkerEnd {
  readonly exitCode: number;
  readonly error?: string;
}

export interface Connection {
  /** Resolves when the worker is to exit. */
  readonly ended: Promise<WorkerEnd>;
  /** Tells the coordinator, which gives the work to others, then ends. */
  stop(reason: string, exitCode: number): void;
  /**
   * Gives back the tasks that wait, finishes the one in hand within the grace time, then ends with exit code 0. Asked
   * again, it changes nothing.
   */
  drain(reason: string): void;
}

type Phase =
  | { readonly at: 'serving' | 'over' }
  | { readonly at: 'draining'; readonly reason: string; readonly graceTimer: NodeJS.Timeout };

const REDIALS: Record<CloseReason['kind'], string> = {
  refused: 'refused by the coordinator; dialling again',
  failed: "the coordinator's run cannot be served; dialling again",
  lost: 'connection lost; dialling again',
  unreachable: 'no coordinator yet; dialling again',
};

/**
 * Dials the coordinator and serves it until it says `finished`, refuses us, or `stop` is called. A lost or missing
 * coordinator is dialled again, for as long as it takes, and one that refuses us or whose run cannot be served too under
 * `retryRefusals`; only a worker started by the coordinator itself gives up with it.
 * @param environment of the compute child
 * @param identity is told which run is served
 */
export function connectToCoordinator(
  options: WorkerOptions,
  device: Device,
  environment: NodeJS.ProcessEnv,
  identity: WorkerIdentity,
  { state, account, summary }: WorkerWatch,
  logger: Logger,
): Connection {
  const { promise: ended, resolve } = Promise.withResolvers<WorkerEnd>();
  const workerId = randomUUID();
  const version = ownVersion();
  const runner = new TaskRunner(
    {
      cacheFolder: options.cacheFolder,
      device: options.device,
      dtype: device.dtype,
      threads: device.threads,
      maxThreads: options.maxThreads,
      sharedWeights: options.shareWeights,
      memoryLimitBytes: options.memoryLimitBytes,
      deviceMemoryBytes: device.memoryBytes,
      stages: options.stages,
      environment,
    },
    account,
    logger,
    oomKills,
  );
  const address = parseAddress(options.connect);
  const locator = new ModelLocator(
    { cacheFolder: options.cacheFolder, limitBytes: options.cacheLimitBytes },
    options.security,
    logger,
  );
  let locating = new AbortController();
  let heartbeat: NodeJS.Timeout | undefined;
  let phase: Phase = { at: 'serving' };

  const end = (outcome: WorkerEnd): void => {
    if (phase.at === 'over') return;
    if (phase.at === 'draining') clearTimeout(phase.graceTimer);
    phase = { at: 'over' };
    clearInterval(heartbeat);
    locating.abort();
    runner.close();
    void Promise.allSettled([client.close(), locator.close()]).then(() => resolve(outcome));
  };

  const client = new FleetClient({
    address: options.connect,
    security: options.security,
    retryRefusals: options.retryRefusals,
    hello: () => ({
      kind: 'hello',
      protocolMin: PROTOCOL_VERSION,
      protocolMax: PROTOCOL_VERSION,
      workerId,
      name: identity.worker,
      numericClass: device.numericClass,
      device: options.device,
      memoryBytes: device.memoryBytes,
      threads: device.threads ?? options.maxThreads,
      version,
    }),
    handlers: {
      onMessage: (message) => receive(message),
      onSent: () => state.sent(),
      onClosed: (closed) => {
        clearInterval(heartbeat);
        locating.abort();
        runner.disconnected();
        const { kind, reason, retryMs } = closed;
        if (retryMs === null) {
          end({ exitCode: 1, error: kind === 'refused' ? `refused by ${reason}` : reason });
        } else if (phase.at === 'draining') {
          end({ exitCode: 0 }); // a lost stream is a lost lease: nothing is left to finish
        } else {
          state.disconnected(closed);
          const retrySeconds = Math.round(retryMs / 100) / 10;
          logger.warn({ coordinator: options.connect, reason, retrySeconds }, REDIALS[kind]);
          identity.run = undefined;
        }
      },
    },
  });

  const receive = (message: CoordinatorMessage): void => {
    switch (message.kind) {
      case 'welcome':
        identity.run = message.runId;
        logger.info({ coordinator: options.connect }, 'connected');
        state.welcomed();
        clearInterval(heartbeat);
        heartbeat = setInterval(
          () => client.send({ kind: 'heartbeat', taskId: runner.takeProgress() }),
          message.heartbeatMs,
        );
        void serve(message);
        return;
      case 'assign':
        if (phase.at === 'serving') runner.assign(message.task); // else it is another's: draining gave it back
        return;
      case 'cancel':
        runner.cancel(message.taskId);
        return leaveIfDraining();
      case 'drain':
        return drain('drained by the coordinator');
      case 'finished':
        summary.tell();
        logger.info('the run has finished');
        state.finished();
        if (options.exitWhenDone || phase.at === 'draining') end({ exitCode: 0 });
        return;
      case 'refused':
        return; // arrives as a close reason
    }
  };

  const answer = (message: WorkerMessage): void => {
    client.send(message);
    if (message.kind === 'ready') {
      client.proven();
      state.ready();
    }
    if (message.kind === 'taskDone' || message.kind === 'taskFailed') queueMicrotask(leaveIfDraining);
  };

  const fail = (reason: string, isFit: boolean): void => {
    if (isFit) return client.fail(reason);
    client.send({ kind: 'failed', reason });
    end({ exitCode: 1, error: reason });
  };

  const listener = (): RunnerListener => ({
    send: answer,
    onLoading: (computePid) => state.loading(computePid),
    onInHand: (taskCount) => state.inHand(taskCount, client.isSending),
    onFailed: fail,
  });

  /** Heartbeats go on meanwhile; a lost connection ends the locating, and the next welcome goes on with it. */
  const serve = async (welcome: Welcome): Promise<void> => {
    locating.abort();
    locating = new AbortController();
    const { signal } = locating;
    try {
      const path = await locator.locate(welcome, address, signal);
      if (signal.aborted) return;
      await runner.welcomed({ ...welcome, model: { ...welcome.model, path } }, listener());
    } catch (error) {
      if (!signal.aborted) fail((error as Error).message, true);
    }
  };

  const stop = (reason: string, exitCode: number): void => {
    summary.tell();
    logger.info({ reason }, 'leaving');
    state.leaving(reason);
    client.send({ kind: 'leaving', reason });
    end({ exitCode });
  };

  const drain = (reason: string): void => {
    if (phase.at !== 'serving') return;
    const task = runner.keepOnlyRunning();
    if (task === null) return stop(reason, 0);
    const grace = formatDuration(options.drainGraceMs / 1000);
    logger.info({ reason, task }, `draining: finishing the task in hand, for ${grace} at most`);
    state.draining(reason);
    client.send({ kind: 'draining', taskId: task, reason });
    const graceTimer = setTimeout(
      () => stop(`${reason}; the task in hand takes longer than ${grace}`, 0),
      options.drainGraceMs,
    );
    phase = { at: 'draining', reason, graceTimer };
  };

  const leaveIfDraining = (): void => {
    if (phase.at === 'draining') stop(phase.reason, 0);
  };

  state.dialling();
  client.connect();
  return { ended, stop, drain };
}

function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

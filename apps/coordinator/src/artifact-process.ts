import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { identifyFiles, isSafeName, type ServedModel } from '@blockpruner/artifacts';
import type { ModelFiles } from '@blockpruner/checkpoint';
import type { Logger } from '@blockpruner/telemetry';
import type { ServeReply, ServeRequest, ServeWarning } from './artifact-message.ts';
import type { ArtifactPlan } from './artifact-plan.ts';
import { exitReason } from './exit-reason.ts';
import { RunError } from './usage-error.ts';

const CHILD_MAIN = fileURLToPath(new URL('./artifact-child.ts', import.meta.url));
const RESPAWN_DELAY_MS = 1000;

type State =
  | { readonly at: 'alive'; readonly child: ChildProcess }
  | { readonly at: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly at: 'stopped' };

/**
 * The process that serves the model's files.
 *
 * Invariants:
 * 1. It has one port from the first start on: workers have been told.
 * 2. Once started, one that dies is started again after a second, for as long as the run lasts. Workers go on where
 *    they were.
 * 3. It does not outlive this process, even one killed by `kill -9`: it watches the pipe of its standard input.
 */
export class ArtifactProcess {
  private readonly logger: Logger;
  private request: ServeRequest;
  private state: State = { at: 'stopped' };

  private constructor(request: ServeRequest, logger: Logger) {
    this.request = request;
    this.logger = logger;
  }

  /** @throws RunError when it cannot serve: its port is in use, or the model is being changed */
  static async start(
    { fingerprint, entry, files }: ModelFiles,
    { host, ports, maxStreams, bytesPerSecond, guard }: ArtifactPlan,
    cacheFolder: string,
    logger: Logger,
  ): Promise<ArtifactProcess> {
    const odd = files.find(({ name }) => !isSafeName(name));
    if (odd) {
      throw new RunError(
        `${odd.path} has a name that not every system takes: rename it, or have workers see the model themselves (--artifact-listen none)`,
      );
    }
    const model: ServedModel = { fingerprint, entry, files: await identifyFiles(files) };
    const started = new ArtifactProcess(
      { model, cacheFolder, host, ports, maxStreams, bytesPerSecond, guard },
      logger,
    );
    await started.spawn();
    return started;
  }

  get port(): number {
    return this.request.ports[0];
  }

  stop(): void {
    const { state } = this;
    this.state = { at: 'stopped' };
    if (state.at === 'waiting') clearTimeout(state.timer);
    if (state.at === 'alive') state.child.kill('SIGKILL');
  }

  private async spawn(): Promise<void> {
    const child = fork(CHILD_MAIN, [], { stdio: ['pipe', 'ignore', 'inherit', 'ipc'] });
    this.state = { at: 'alive', child };
    child.stdin?.on('error', () => undefined); // it ended first; its exit event says so
    child.send(this.request);
    const answer = await new Promise<ServeReply>((resolve) => {
      child.once('message', (message) => resolve(message as ServeReply));
      child.once('error', (error) => resolve({ kind: 'failed', reason: error.message }));
      child.once('exit', (code, signal) => resolve({ kind: 'failed', reason: exitReason(code, signal) }));
    });
    if (answer.kind === 'failed') {
      child.kill('SIGKILL');
      throw new RunError(
        `the model's files cannot be served: ${answer.reason}; see --artifact-listen, or have workers see the model themselves (--artifact-listen none)`,
      );
    }
    this.request = { ...this.request, ports: [answer.port] }; // (1)
    child.on('message', ({ reason }: ServeWarning) =>
      this.logger.warn({ reason }, 'turned away from the model files'),
    );
    if (child.exitCode !== null || child.signalCode !== null) this.revive('it ended at once');
    else child.once('exit', (code, signal) => this.revive(exitReason(code, signal)));
  }

  /** (2) */
  private revive(reason: string): void {
    if (this.state.at === 'stopped') return;
    this.logger.warn({ reason }, "the process that serves the model's files died; starting it again");
    const timer = setTimeout(() => {
      this.spawn().catch((error: unknown) => this.revive((error as Error).message));
    }, RESPAWN_DELAY_MS);
    this.state = { at: 'waiting', timer };
  }
}

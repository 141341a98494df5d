import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ModelReply, ModelTasks } from '@blockpruner/generation';
import { exitReason } from './exit-reason.ts';
import { RunError, UsageError } from './usage-error.ts';

const CHILD_MAIN = fileURLToPath(import.meta.resolve('@blockpruner/worker/model-child'));

/**
 * A process that holds one model and runs it: it generates, scores and measures.
 *
 * Invariants:
 * 1. It is asked for one thing at a time.
 * 2. It does not outlive this process, however that ends: it watches the pipe of its standard input.
 * 3. After `close`, and once it has died, every ask fails.
 */
export class ModelProcess {
  private readonly child: ChildProcess;
  private ended: string | undefined;
  private interruption: Error | undefined;

  constructor() {
    this.child = fork(CHILD_MAIN, [], {
      stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.child.stdin?.on('error', () => undefined); // it ended first; its exit event says so
    this.child.on('error', (error) => (this.ended ??= `could not run: ${error.message}`));
    this.child.on('exit', (code, signal) => (this.ended ??= `ended (${exitReason(code, signal)})`));
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /**
   * @param onEvent is told what the process says before its answer
   * @throws UsageError when what is asked for cannot be, RunError with another reason or how it ended
   */
  ask<Kind extends keyof ModelTasks>(
    kind: Kind,
    request: ModelTasks[Kind]['request'],
    onEvent: (event: ModelTasks[Kind]['event']) => void = () => undefined,
  ): Promise<ModelTasks[Kind]['result']> {
    const { child } = this;
    return new Promise((resolve, reject) => {
      const onMessage = (reply: ModelReply): void => {
        if (reply.kind === 'event') return onEvent(reply.event);
        settle();
        if (reply.kind === 'result') resolve(reply.result);
        else reject(new (reply.isOfRequest ? UsageError : RunError)(reply.reason));
      };
      const onEnd = (): void => {
        settle();
        const died = `the process that holds the model ${this.ended ?? 'ended'}: it may want more memory`;
        reject(this.interruption ?? new RunError(died));
      };
      const settle = (): void => {
        child.off('message', onMessage);
        child.off('exit', onEnd);
        child.off('error', onEnd);
      };
      if (this.ended !== undefined) return onEnd();
      child.on('message', onMessage);
      child.once('exit', onEnd);
      child.once('error', onEnd);
      // A send to a child that has just died fails; its exit event reports that.
      child.send({ kind, request }, () => undefined);
    });
  }

  /**
   * Ends the process at once.
   * @param interruption what an ask that is under way fails with
   */
  close(interruption?: Error): void {
    this.ended ??= 'was stopped';
    this.interruption ??= interruption;
    this.child.kill('SIGKILL');
  }
}

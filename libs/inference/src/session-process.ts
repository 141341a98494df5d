import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cell } from '@blockpruner/perplexity';
import { DeviceError } from './device-error.ts';
import type {
  EvaluateRequest,
  LoadedModel,
  LoadRequest,
  SessionReply,
  SessionRequest,
  TaskFailure,
} from './session-message.ts';

const CHILD_MAIN = fileURLToPath(new URL('./session-child.ts', import.meta.url));

export interface SessionHandlers {
  onLoading(what: string, doneBytes: number, totalBytes: number): void;
  /** The task's turn has come; the tasks of a session take turns. */
  onStarted(taskId: string): void;
  onCells(taskId: string, cells: Cell[]): void;
  onDone(taskId: string, computeSeconds: number): void;
  /** The task failed; the session goes on. */
  onFailed(taskId: string, failure: TaskFailure): void;
  /** The child is gone, with everything it was computing. Not called after `close`. */
  onExit(reason: string): void;
}

/**
 * A compute child and the messages to and from it. The process that owns it stays free to answer while
 * onnxruntime computes.
 *
 * Invariants:
 * 1. The child outlives its parent in no case: it watches the pipe of its standard input.
 * 2. After `close`, or once `onExit` was called, no handler is called again.
 */
export class SessionProcess {
  private readonly child: ChildProcess;
  private readonly handlers: SessionHandlers;
  private loading: { resolve: (model: LoadedModel) => void; reject: (error: Error) => void } | undefined;
  private ended = false;

  /** @param environment variables of the child; it inherits none */
  constructor(handlers: SessionHandlers, environment: NodeJS.ProcessEnv) {
    this.handlers = handlers;
    this.child = fork(CHILD_MAIN, [], {
      stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: environment,
    });
    this.child.on('message', (message) => this.receive(message as SessionReply));
    this.child.on('error', (error) => this.exited(`the compute process could not run: ${error.message}`));
    this.child.on('exit', (code, signal) => this.exited(exitReason(code, signal)));
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Rejects with what is wrong with the model, in one line; a DeviceError where the device is at fault. */
  load(request: LoadRequest): Promise<LoadedModel> {
    return new Promise((resolve, reject) => {
      this.loading = { resolve, reject };
      this.post({ kind: 'load', request });
    });
  }

  evaluate(request: EvaluateRequest): void {
    this.post({ kind: 'evaluate', request });
  }

  /** The task ends between two runs, without a further reply. */
  cancel(taskId: string): void {
    this.post({ kind: 'cancel', taskId });
  }

  /** Ends the child at once. */
  close(): void {
    this.ended = true;
    this.loading?.reject(new Error('the compute process was stopped'));
    this.loading = undefined;
    this.child.kill('SIGKILL');
  }

  private post(message: SessionRequest): void {
    // A send to a child that has just died fails; its exit event reports that.
    if (!this.ended) this.child.send(message, () => undefined);
  }

  private receive(message: SessionReply): void {
    if (this.ended) return;
    switch (message.kind) {
      case 'loading':
        return this.handlers.onLoading(message.what, message.doneBytes, message.totalBytes);
      case 'loaded':
        this.loading?.resolve(message.model);
        this.loading = undefined;
        return;
      case 'load-failed':
        this.loading?.reject(new (message.isOfDevice ? DeviceError : Error)(message.reason));
        this.loading = undefined;
        return;
      case 'started':
        return this.handlers.onStarted(message.taskId);
      case 'cells':
        return this.handlers.onCells(message.taskId, message.cells);
      case 'done':
        return this.handlers.onDone(message.taskId, message.computeSeconds);
      case 'failed':
        return this.handlers.onFailed(message.taskId, message.failure);
    }
  }

  private exited(reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.loading?.reject(new Error(reason));
    this.loading = undefined;
    this.handlers.onExit(reason);
  }
}

function exitReason(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null
    ? `the compute process exited with code ${code}`
    : `the compute process was killed by ${signal}`;
}

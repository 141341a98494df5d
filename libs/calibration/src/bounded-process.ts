import { fork, type ChildProcess } from 'node:child_process';
import { CalibrationError } from './calibration-error.ts';
import type { CalibrationErrorCode } from './calibration-error.ts';

/** What a child answers when it could not do what it was asked for. */
export interface Refusal {
  readonly kind: 'failed';
  readonly code: CalibrationErrorCode;
  readonly message: string;
}

/** How a child that breaks a bound is spoken of. */
export interface Bounds {
  readonly heapBytes: number;
  readonly maxMs: number;
  /** Ends the sentence of an error, e.g. `it may be corrupt`. */
  readonly wayOut: string;
}

/**
 * A process that runs a library over what a user brought, for a library that believes its input: a few bytes of a bad
 * file can make it fill memory until Node aborts, worker threads included, or loop for ever.
 *
 * Invariants:
 * 1. The child is asked for one thing at a time and works on nothing that nobody asked for.
 * 2. After an error of any kind the child is gone, and so it is after `close`.
 * 3. The child keeps this process alive only while a reply is due.
 */
export class BoundedProcess<Request extends object, Reply extends { readonly kind: string }> {
  private readonly child: ChildProcess;
  private readonly bounds: Bounds;

  /** @param main URL of the module that the child runs */
  constructor(main: URL, bounds: Bounds) {
    this.bounds = bounds;
    this.child = fork(main, [], {
      execArgv: [`--max-old-space-size=${Math.floor(bounds.heapBytes / 2 ** 20)}`],
      // What Node prints when it runs out of memory would go between the lines of a log.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    this.child.unref();
    this.child.channel?.unref();
  }

  /**
   * @param what begins the message of an error: what the child is busy with
   * @param bounds of this request, where they are others than those of the process
   * @throws CalibrationError when the child refuses, takes too long or too much memory, or dies
   */
  async ask(request: Request, what: string, bounds: Bounds = this.bounds): Promise<Exclude<Reply, Refusal>> {
    try {
      const reply = await this.reply(request, what, bounds);
      if (reply.kind === 'failed') {
        const { code, message } = reply as unknown as Refusal;
        throw new CalibrationError(code, message);
      }
      return reply as Exclude<Reply, Refusal>;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.child.kill('SIGKILL');
  }

  private reply(request: Request, what: string, bounds: Bounds): Promise<Reply> {
    const { child } = this;
    const { heapBytes, maxMs, wayOut } = bounds;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(`takes more than ${maxMs / 1000} s`), maxMs);
      child.once('message', onMessage);
      child.once('exit', onExit);
      child.once('error', onError);
      if (child.exitCode !== null || child.signalCode !== null) onExit();
      // A send to a child that has just died fails; its exit event reports that.
      else child.send(request, () => undefined);

      function onMessage(message: unknown): void {
        settle();
        resolve(message as Reply);
      }
      function onExit(): void {
        fail(`takes more than ${heapBytes / 2 ** 20} MiB of memory, or ends the process that does it`);
      }
      function onError(error: Error): void {
        fail(`could not be started (${error.message.slice(0, 100)})`);
      }
      function fail(reason: string): void {
        settle();
        reject(new CalibrationError('limit', `${what} ${reason}; ${wayOut}`));
      }
      function settle(): void {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        child.off('error', onError);
      }
    });
  }
}

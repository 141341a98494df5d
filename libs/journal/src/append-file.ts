import { closeSync, constants, fdatasync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { ioError, type RunFolderError } from './errors.ts';

const fdatasyncAsync = promisify(fdatasync);

/** Hears how long the disk took to have what was appended. */
export type SyncListener = (seconds: number) => void;

/**
 * A file that only grows.
 *
 * Invariants:
 * 1. `lengthBytes` counts whole appends only. What a failed append left behind lies beyond it, is truncated where
 *    the disk allows, and is overwritten by the next append.
 * 2. After a failed sync nothing more is written: the kernel may have dropped the pages it could not write, so
 *    what the file holds is known only by reading it again.
 */
export class AppendFile {
  readonly path: string;
  private readonly descriptor: number;
  private length: number;
  private readonly onSynced: SyncListener;
  private failedSync: RunFolderError | undefined;

  /**
   * Opens or creates the file, which has `lengthBytes`.
   * @throws RunFolderError `io`, as all methods do
   */
  constructor(path: string, lengthBytes: number, onSynced: SyncListener = () => undefined) {
    this.path = path;
    this.onSynced = onSynced;
    this.length = lengthBytes;
    try {
      this.descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666);
    } catch (error) {
      throw ioError(error, 'open', path);
    }
  }

  get lengthBytes(): number {
    return this.length;
  }

  /**
   * Appends all of the bytes, or none (1).
   * @returns the offset at which they start
   */
  append(bytes: Uint8Array): number {
    if (this.failedSync) throw this.failedSync;
    const start = this.length;
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.descriptor, bytes, done, bytes.length - done, start + done);
      }
    } catch (error) {
      this.rewind(start);
      throw ioError(error, 'append to', this.path);
    }
    this.length = start + bytes.length;
    return start;
  }

  /** Takes back the appends beyond `lengthBytes`. */
  rewind(lengthBytes: number): void {
    this.length = lengthBytes;
    try {
      ftruncateSync(this.descriptor, lengthBytes);
    } catch {
      // Left to the next append or to the next reader, both of which ignore what is behind the last whole append (1).
    }
  }

  /** Resolves when everything appended before the call is on the disk (2). */
  async sync(): Promise<void> {
    if (this.failedSync) throw this.failedSync;
    const startedMs = performance.now();
    try {
      await fdatasyncAsync(this.descriptor);
      this.onSynced((performance.now() - startedMs) / 1000);
    } catch (error) {
      throw (this.failedSync = ioError(error, 'sync', this.path));
    }
  }

  /** `sync` without giving up the event loop, so that nothing can be appended meanwhile. */
  syncNow(): void {
    if (this.failedSync) throw this.failedSync;
    const startedMs = performance.now();
    try {
      fdatasyncSync(this.descriptor);
      this.onSynced((performance.now() - startedMs) / 1000);
    } catch (error) {
      throw (this.failedSync = ioError(error, 'sync', this.path));
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

import { randomBytes } from 'node:crypto';
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** One read or write call takes less than 2 GiB. */
const LARGEST_CALL_BYTES = 2 ** 30;

/** The disk under the cache folder took no more, or gave back less than was written: other workers may have room. */
export class WaitingStateError extends Error {
  override readonly name = 'WaitingStateError';
}

/** Where a state lies in the file. */
interface Slot {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * Residual streams between one stage and the next: in host memory up to a budget, beyond it in a file of the cache
 * folder.
 *
 * Invariants:
 * 1. The bytes held in memory never exceed the budget.
 * 2. The file has no name from the moment it exists: however the process ends, it leaves nothing behind.
 * 3. A slot of the file belongs to one state. Slots of states that were taken serve states of the same size again, so
 *    the file is no larger than the most that ever waited of each size.
 */
export class WaitingStates {
  private readonly budgetBytes: number;
  private readonly folder: string;
  private readonly inMemory = new Map<string, Float32Array>();
  private readonly onDisk = new Map<string, Slot>();
  private readonly freeOffsets = new Map<number, number[]>();
  private heldBytes = 0;
  private fileBytes = 0;
  private file: FileHandle | undefined;

  constructor(budgetBytes: number, folder: string) {
    this.budgetBytes = budgetBytes;
    this.folder = folder;
  }

  /** @throws WaitingStateError when it goes to the disk and the disk does not take it */
  async put(key: string, values: Float32Array): Promise<void> {
    const { byteLength } = values;
    if (this.heldBytes + byteLength <= this.budgetBytes) {
      this.inMemory.set(key, values);
      this.heldBytes += byteLength; // (1)
      return;
    }
    const slot = this.takeSlot(byteLength);
    this.onDisk.set(key, slot);
    try {
      this.file ??= await openUnnamed(this.folder);
      await transfer(bytesOf(values), (bytes, done) =>
        this.file!.write(bytes, 0, bytes.length, slot.offsetBytes + done).then((wrote) => wrote.bytesWritten),
      );
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new WaitingStateError(
        `a residual stream of ${byteLength} bytes that waits for its next stage cannot be written to ${this.folder}, behind ${this.fileBytes - byteLength} bytes of others (${code ?? message}): free space there, or name another cache folder (--cache-dir)`,
        { cause: error },
      );
    }
  }

  /**
   * The state, which then no longer waits.
   * @throws WaitingStateError when the disk does not give back what was written
   */
  async take(key: string): Promise<Float32Array> {
    const held = this.inMemory.get(key);
    if (held) {
      this.inMemory.delete(key);
      this.heldBytes -= held.byteLength;
      return held;
    }
    const slot = this.onDisk.get(key);
    if (!slot || !this.file) throw new RangeError(`no residual stream waits as ${key}`);
    const { file } = this;
    const values = new Float32Array(slot.lengthBytes / Float32Array.BYTES_PER_ELEMENT);
    try {
      await transfer(bytesOf(values), (bytes, done) =>
        file.read(bytes, 0, bytes.length, slot.offsetBytes + done).then(({ bytesRead }) => bytesRead),
      );
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new WaitingStateError(
        `a residual stream of ${slot.lengthBytes} bytes cannot be read back from ${this.folder} (${code ?? message}): check the disk, or name another cache folder (--cache-dir)`,
        { cause: error },
      );
    }
    this.onDisk.delete(key);
    this.freeOffsets.get(slot.lengthBytes)?.push(slot.offsetBytes);
    return values;
  }

  /** Drops what still waits. */
  async close(): Promise<void> {
    this.inMemory.clear();
    this.onDisk.clear();
    await this.file?.close();
    this.file = undefined;
  }

  private takeSlot(lengthBytes: number): Slot {
    const free = this.freeOffsets.get(lengthBytes) ?? [];
    this.freeOffsets.set(lengthBytes, free);
    const offsetBytes = free.pop();
    if (offsetBytes !== undefined) return { offsetBytes, lengthBytes }; // (3)
    this.fileBytes += lengthBytes;
    return { offsetBytes: this.fileBytes - lengthBytes, lengthBytes };
  }
}

async function openUnnamed(folder: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `states-${process.pid}-${randomBytes(4).toString('hex')}`);
  const file = await open(path, 'wx+');
  await unlink(path); // (2)
  return file;
}

/** Moves all bytes, however few each call takes. */
async function transfer(
  bytes: Uint8Array,
  move: (part: Uint8Array, doneBytes: number) => Promise<number>,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const moved = await move(bytes.subarray(done, done + LARGEST_CALL_BYTES), done);
    if (moved === 0) throw new Error(`only ${done} of ${bytes.length} bytes`);
    done += moved;
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

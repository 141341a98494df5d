/**
 * A file of an export before it is written. Its bytes follow from the plan alone, and any range of them can be made on
 * its own: a write that was interrupted goes on where it ended, and memory stays flat whatever the size.
 */
export interface PlannedFile {
  /** Name in the folder of the export. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Makes the bytes from `offsetBytes` on to the end, in chunks of a few MiB. */
  read(offsetBytes: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Everything that an export writes, and what its user should be told. */
export interface ExportPlan {
  readonly files: readonly PlannedFile[];
  /** Warnings, a line each. */
  readonly notes: readonly string[];
}

/** A file whose bytes are at hand. */
export function smallFile(name: string, content: string | Uint8Array): PlannedFile {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return {
    name,
    sizeBytes: bytes.length,
    read: (offsetBytes) => [bytes.subarray(offsetBytes)],
  };
}

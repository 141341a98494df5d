import type { Refusal } from './bounded-process.ts';
import type { RowBatch } from './parquet-rows.ts';

/** To the decoding process: a file to begin with, whose bytes may be those of an unpacked copy, or its next rows. */
export type ParquetRequest =
  | {
      readonly kind: 'open';
      readonly bytesPath: string;
      readonly path: string;
      readonly textColumn: string | null;
    }
  | { readonly kind: 'next' };

/** From it: one reply to each request. */
export type ParquetReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'rows'; readonly batch: RowBatch }
  | { readonly kind: 'end' }
  | Refusal;

import type { ServedModel } from '@blockpruner/artifacts';

/** What the artifact process is told, once. */
export interface ServeRequest {
  readonly model: ServedModel;
  readonly cacheFolder: string;
  readonly host: string;
  /** Tried in order; 0: any free one. */
  readonly ports: readonly number[];
  readonly maxStreams: number;
  readonly bytesPerSecond: number | null;
}

/** What it answers, once: it listens, or it cannot. */
export type ServeReply =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly reason: string };

import type { ServedModel } from '@blockpruner/artifacts';
import type { ServerTls } from '@blockpruner/wire';

/** What the artifact process is told, once. */
export interface ServeRequest {
  readonly model: ServedModel;
  readonly cacheFolder: string;
  readonly host: string;
  /** Tried in order; 0: any free one. */
  readonly ports: readonly number[];
  readonly maxStreams: number;
  readonly bytesPerSecond: number | null;
  readonly guard: ArtifactGuard;
}

/** Who is let in, in a form that can be sent: as to the coordinator's own port. */
export interface ArtifactGuard {
  readonly tls: ServerTls | null;
  /** Read again at each connection. */
  readonly tokenFile: string | null;
  /** Where there is no file. */
  readonly tokens: readonly string[] | null;
}

/** What it answers, once: it listens, or it cannot. */
export type ServeReply =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** A peer that was turned away, or trouble with the port. */
export interface ServeWarning {
  readonly kind: 'refused';
  readonly reason: string;
}

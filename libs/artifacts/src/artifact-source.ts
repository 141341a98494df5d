import type { Manifest } from './manifest.ts';

/** What comes before and with a manifest. */
export type ManifestReply =
  /** The serving side reads its files for the first time. */
  | { readonly kind: 'hashing'; readonly doneBytes: number; readonly totalBytes: number }
  /** The last reply. */
  | { readonly kind: 'manifest'; readonly manifest: Manifest };

/** A range of the content with this hash. */
export interface FetchRequest {
  /** Of the whole content, in hexadecimal. */
  readonly sha256: string;
  readonly offsetBytes: number;
  /** At least 1, and within the content. */
  readonly lengthBytes: number;
}

/** What comes before and with content. */
export type FetchReply =
  /** As many fetches as are allowed are under way; `ahead` others wait before this one. Told every few seconds. */
  | { readonly kind: 'waiting'; readonly ahead: number }
  /** The next bytes of the range. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array };

/** Where the files of one model come from: the files themselves, or a connection to the process that has them. */
export interface ArtifactSource {
  /** @throws ArtifactError when it has no model of this fingerprint, or cannot be asked */
  manifest(fingerprint: string, signal: AbortSignal): AsyncIterable<ManifestReply>;
  /** @throws ArtifactError when it has no such content, or the connection breaks */
  fetch(request: FetchRequest, signal: AbortSignal): AsyncIterable<FetchReply>;
}

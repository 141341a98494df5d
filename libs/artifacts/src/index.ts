/**
 * The files of a model on their way to workers that do not see them: what is served and how it is hashed, and the
 * cache that a worker fetches into. Knows nothing of the network: `ArtifactSource` is the seam.
 */
export { ArtifactError } from './artifact-error.ts';
export type { ArtifactErrorCode } from './artifact-error.ts';
export { isSafeName } from './artifact-name.ts';
export type { ArtifactSource, FetchReply, FetchRequest, ManifestReply } from './artifact-source.ts';
export { ArtifactStore } from './artifact-store.ts';
export type { ServedModel, StoreOptions } from './artifact-store.ts';
export { CHUNK_RANGE_BYTES, MAX_CHUNKS, MAX_FILES, MESSAGE_BYTES } from './limits.ts';
export { chunkCount, HASH_BYTES } from './manifest.ts';
export type { ArtifactFile, Manifest } from './manifest.ts';
export { ModelCache } from './model-cache.ts';
export type { FetchEvent, HeldModel, ModelCacheOptions } from './model-cache.ts';
export { identifyFiles } from './served-file.ts';
export type { ServedFile } from './served-file.ts';

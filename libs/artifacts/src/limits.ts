/** What is verified, and fetched again, as a whole: small enough to hold in memory, large enough to hash at speed. */
export const CHUNK_BYTES = 8 * 2 ** 20;

/** Bounds of the chunk that a manifest may name: it is held in memory. */
export const CHUNK_RANGE_BYTES = { min: 1024, max: 64 * 2 ** 20 } as const;

/** Bytes of one message of content. */
export const MESSAGE_BYTES = 2 ** 19;

/** Files of a model: 1024 shards, twice what is read beside them, and more. */
export const MAX_FILES = 2048;

/** Chunks of a model: 4 TiB in chunks of 8 MiB, whose hashes are 16 MiB. */
export const MAX_CHUNKS = 2 ** 19;

/** Of a name in bytes: NAME_MAX of Linux. */
export const MAX_NAME_BYTES = 255;

/**
 * A process of another container or host is taken for dead when its lock was not touched for so long: its thread is
 * never busy for seconds, and nothing breaks where it lives after all.
 */
export const STALE_LOCK_MS = 90_000;

/** Fetches that may wait for their turn: more than the workers of a large fleet, each has one at a time. */
export const MAX_WAITING = 4096;

/** Largest message in either direction: a task of 4096 rows of 2048 tokens is 25 MiB. */
export const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** Largest first message: whoever has not said hello is a stranger, and a hello is a few hundred bytes. */
export const MAX_HELLO_BYTES = 16 * 1024;

/**
 * Bytes that a connection may carry before it has shown that it belongs here: a TLS handshake with chains of
 * certificates, headers and a hello are a tenth of it.
 */
export const MAX_STRANGER_BYTES = 128 * 1024;

/** Connections that have not shown yet that they belong here: a fleet that dials all at once, in milliseconds each. */
export const MAX_STRANGERS = 256;

/** Calls at a time on one connection: a worker has one. */
export const MAX_CONNECTION_CALLS = 8;

/** Bytes that may wait for a peer that does not read: twice the largest message. */
export const MAX_QUEUED_BYTES = 2 * MAX_MESSAGE_BYTES;

/** Blocks of a model: 1024 layers, several times the deepest published. */
export const MAX_BLOCKS = 2048;

/** Rows of one task; more go into more tasks. */
export const MAX_TASK_ROWS = 4096;

/** Rows of a calibration set: a thousand times what papers use. */
export const MAX_CALIBRATION_ROWS = 1 << 20;

/** A row of one token has no target. */
export const MIN_ROW_TOKENS = 2;

/** Longest row: the longest context in common use, 128 Ki tokens. */
export const MAX_ROW_TOKENS = 131_072;

/** Token ids lie below this: eight times the largest published vocabulary. */
export const MAX_VOCABULARY = 1 << 21;

/** Windows of 16 targets in the longest row. */
export const MAX_WINDOWS = 8192;

/** Cells of one message: a small message may not unfold into millions of objects. */
export const MAX_BATCH_CELLS = 65_536;

/** Threads of one process, above any machine's. */
export const MAX_THREADS = 4096;

/** Protocol versions a hello may name: keeps the range readable in a refusal. */
export const MAX_PROTOCOL = 65_535;

/** Ids and fingerprints: room for a SHA-512 in hexadecimal. */
export const MAX_ID_CHARS = 128;

/** Names made for people. */
export const MAX_NAME_CHARS = 256;

/** Paths: PATH_MAX of Linux. */
export const MAX_PATH_CHARS = 4096;

/** Reasons become one line of a log or of stderr. */
export const MAX_REASON_CHARS = 400;

/** Largest request for artifacts: whoever sends one is a stranger. */
export const MAX_ARTIFACT_REQUEST_BYTES = 4096;

/** Bytes of content in one message. */
export const MAX_DATA_BYTES = 1024 * 1024;

/**
 * What may be under way to one worker: 12.5 MiB fill a line of 10 Gbit/s over a round trip of 10 ms, and a quarter more
 * covers the time that a side takes to say that it has read.
 */
export const ARTIFACT_WINDOW_BYTES = 16 * 1024 * 1024;

/** Faster heartbeats would only cost; slower ones than an hourly one prove nothing. */
export const HEARTBEAT_RANGE_MS = { min: 100, max: 3_600_000 } as const;

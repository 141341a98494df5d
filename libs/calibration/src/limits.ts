/**
 * Characters of a joined text that are encoded in one go, which takes about 150 bytes of memory for each of English
 * (2.5 GB) and 540 of rare ideographs. Of a longer text a sample of this size is.
 */
export const MAX_TEXT_CHARACTERS = 2 ** 24;

/** Rows of token ids. Each is scored on its own, and no search scores a million rows. */
export const MAX_RECORDS = 2 ** 20;

/** A row of one token has no target. */
export const MIN_ROW_TOKENS = 2;

/** The longest context of the supported models; attention scores of a longer row would not fit in memory. */
export const MAX_ROW_TOKENS = 131_072;

/** All token ids of a set: 512 MiB of them, more than any search scores. */
export const MAX_TOKEN_IDS = 2 ** 27;

/** Characters of one token: 128 blanks are the longest of the vocabularies in use. */
export const MAX_TOKEN_CHARACTERS = 128;

/** Different records that `inspect` remembers to find duplicates: of each a hash and up to 200 characters. */
export const MAX_COUNTED_RECORDS = 2 ** 19;

/** Heap of the process that renders chats: room for a batch of the largest records, no room for a bomb. */
export const MAX_RENDER_HEAP_BYTES = 2 ** 29;

/** All memory of that process: its heap, and strings outside of it. */
export const MAX_RENDER_MEMORY_BYTES = 2 ** 30;

/** Time to render a batch of chats; measured: 0.1 ms a chat with the template of Llama 3.1. */
export const MAX_RENDER_MS = 30_000;

/** Files of one calibration set; the largest public corpora have a few thousand. */
export const MAX_SOURCES = 65_536;

/** Entries looked at below a folder: a search from `/` would never end. */
export const MAX_FOLDER_ENTRIES = 2 ** 20;

/** Characters of one record of a text file; longer texts come in parts, so that memory does not follow the file. */
export const PART_CHARACTERS = 2 ** 16;

/** One element, line or row. A book has about 1 MB and the longest row in token ids less; parsed, it takes up to 20 times this. */
export const MAX_RECORD_BYTES = 2 ** 24;

/** Arrays and objects within each other in one record; records in use have five, and what follows recurses. */
export const MAX_RECORD_DEPTH = 64;

/** What one compressed file may expand to; the largest shards in use are near 45 GB. */
export const MAX_UNPACKED_BYTES = 2 ** 36;

/** A compressed Parquet file is unpacked on disk, for its footer comes last; shards in use have up to 5 GB. */
export const MAX_UNPACKED_PARQUET_BYTES = 2 ** 33;

/** The footer of a Parquet file is parsed in memory, at up to 60 times its size; wide files reach 10 MB. */
export const MAX_PARQUET_FOOTER_BYTES = 2 ** 25;

/** Elements of a Parquet schema; the tree is walked once for each column of each row group. */
export const MAX_SCHEMA_ELEMENTS = 2 ** 14;

/** Uncompressed bytes of the columns read of one row group, which is decoded whole. */
export const MAX_ROW_GROUP_BYTES = 2 ** 29;

/** Values of the columns read of one row group; decoding takes about 60 bytes for each. */
export const MAX_ROW_GROUP_VALUES = 2 ** 25;

/** Memory of the process that decodes Parquet: room for the largest row group, no room for a lie. */
export const MAX_PARQUET_MEMORY_BYTES = 2 ** 32;

/** Of that the heap of Node; the rest is for the bytes of pages, which lie outside of it. */
export const MAX_PARQUET_HEAP_BYTES = 3 * 2 ** 30;

/** Time to decode one row group, the largest that is allowed on a slow machine included. */
export const MAX_ROW_GROUP_MS = 300_000;

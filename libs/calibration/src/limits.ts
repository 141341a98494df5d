/** A JSON file is parsed as one string, and half of the longest that Node has is this; about 50 million token ids. */
export const MAX_JSON_BYTES = 2 ** 28;

/** A text is encoded whole, which takes about 150 bytes of memory for each of its own: 2.5 GB at this size. */
export const MAX_TEXT_BYTES = 2 ** 24;

/** Elements of a JSON array. Each token-id array is scored on its own, and no search scores a million rows. */
export const MAX_RECORDS = 2 ** 20;

/** A row of one token has no target. */
export const MIN_ROW_TOKENS = 2;

/** The longest context of the supported models; attention scores of a longer row would not fit in memory. */
export const MAX_ROW_TOKENS = 131_072;

/** The largest tokenizers in use are near 35 MB. */
export const MAX_TOKENIZER_BYTES = 2 ** 28;

/** Token-id arrays are parsed byte by byte, so a file may be large; beyond this it is the wrong file. */
export const MAX_FILE_BYTES = 2 ** 30;

/**
 * A text is encoded whole. That takes about 55 bytes of memory for each of prose, up to 250 where every character
 * is a token: 0.9 to 4.2 GB at this size.
 */
export const MAX_TEXT_BYTES = 2 ** 24;

/** Elements of a JSON array. Each token-id array is scored on its own, and no search scores a million rows. */
export const MAX_RECORDS = 2 ** 20;

/** A row of one token has no target. */
export const MIN_ROW_TOKENS = 2;

/** The longest context of the supported models; attention scores of a longer row would not fit in memory. */
export const MAX_ROW_TOKENS = 131_072;

/** The largest tokenizers in use are near 35 MB. */
export const MAX_TOKENIZER_BYTES = 2 ** 28;

/** A word that cannot be encoded in parts takes up to 1 KiB of memory a character: 2 GiB at this length. */
export const MAX_WORD_CHARACTERS = 2 ** 21;

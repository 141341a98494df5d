/** The hub itself asks for less than 100,000 files in a repository. */
export const MAX_LISTED_FILES = 100_000;

/** The hub sends 1,000 entries a page; a server that sends few or none for each would otherwise go on for ever. */
export const MAX_LISTING_PAGES = 2_000;

/** A page of 1,000 entries takes about 0.4 MB; parsed, JSON can take twenty times its size in memory. */
export const MAX_JSON_REPLY_BYTES = 8 * 2 ** 20;

/** The length of a path on the usual file systems is 4,096 bytes, of a name 255. */
export const MAX_PATH_BYTES = 1024;
export const MAX_NAME_BYTES = 255;

/** 64 MiB: about 500,000 tensor names. */
export const MAX_INDEX_BYTES = 64 * 2 ** 20;

/** Five times the largest published checkpoint's. */
export const MAX_SHARDS = 1024;

/** The hub serves no larger file over plain HTTP, and no single tensor file in use comes near it. */
export const MAX_FILE_BYTES = 50e9;

/** From a repository's address to its bytes the hub takes one or two; browsers give up after twenty. */
export const MAX_REDIRECTS = 10;

/** A reference typed by hand: two names of 96, a file and a revision. */
export const MAX_REFERENCE_LENGTH = 512;

/** A token takes 37 bytes; a token file of more than this is another file. */
export const MAX_TOKEN_FILE_BYTES = 64 * 2 ** 10;

/** A ref file holds a commit, 40 characters. */
export const MAX_REF_BYTES = 256;

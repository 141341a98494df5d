/** Entries of `tokenizer.ggml.token_type`, as llama.h numbers them. */
export const TOKEN_TYPES = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

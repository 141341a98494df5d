/** A model's tokenizer as its files hold it; nothing of it is checked yet. */
export interface TokenizerFiles {
  /** What errors name, absolute: the Hugging Face folder or the GGUF. */
  readonly source: string;
  /** Rows of the embedding: every token id is below. */
  readonly vocabSize: number;
  /** The text of tokenizer.json, or what a GGUF's tokenizer amounts to; null when there is none. */
  readonly tokenizerJson: string | null;
  /** Why there is none, and the way out; null when there is one. */
  readonly absence: string | null;
  /** The fields of tokenizer_config.json, empty when there is none. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The Jinja source that renders a chat; null when the model has none. */
  readonly chatTemplate: string | null;
}

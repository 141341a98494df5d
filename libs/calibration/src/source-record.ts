/** One record as a file holds it, before anything is known of its form. */
export interface SourceRecord {
  /** Absolute path of the file it comes from. */
  readonly file: string;
  /** Where it stands there, in the words of the format: `line 12`, `element 4`, `row 7`; empty for a text file. */
  readonly place: string;
  /** The text of a text file, or what JSON or Parquet gave. */
  readonly value: unknown;
  /** True when the next record goes on with the same text: a long text file comes in parts. */
  readonly continues: boolean;
}

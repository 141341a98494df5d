import type { BlockIndex, Mask } from '@blockpruner/blocks';

/** Rows that blocks were removed by, or that decided nothing and show over-fitting; and the scores on them. */
export interface ScoredRows {
  /** As the user named them: files, or a dataset of the hub. */
  readonly name: string;
  readonly rowCount: number;
  readonly tokenCount: number;
  /** `sha256:…` of the rows. */
  readonly contentHash: string;
  /** Of the source, and without the removed blocks, in nats. */
  readonly denseScore: number;
  readonly prunedScore: number;
}

/** Where an export comes from: all that its model card says. */
export interface Provenance {
  /** The source's name on the hub, else that of its file or folder. */
  readonly sourceName: string;
  /** Whether that is a name on the hub, which a card may link to. */
  readonly isOnHub: boolean;
  readonly sourceFingerprint: string;
  /** Blocks that are gone, by the numbers of the source. */
  readonly mask: Mask;
  /** The same in the order of their removal, where a search removed them. */
  readonly removalOrder?: readonly BlockIndex[];
  /** What found them, in words: `race of confidence 0.95`. */
  readonly search?: string;
  readonly calibration?: ScoredRows;
  readonly heldOut?: ScoredRows;
  /** Absent where it was not healed. */
  readonly healing?: {
    /** Factors of the residual stream in the place of removed blocks. */
    readonly factorCount: number;
    /** Rows that they were not measured on, and the scores on them without and with the factors, in nats. */
    readonly otherRowCount: number;
    readonly without: number;
    readonly healed: number;
  };
  readonly sourceLayerCount: number;
  readonly writtenLayerCount: number;
  readonly sourceParameters: number;
  readonly writtenParameters: number;
  /** What is written: a plain model of its family, one that lacks blocks, or one whose removed blocks write zeros. */
  readonly form: 'plain' | 'nemotron-nas' | 'compat';
  /** In which files: a Hugging Face folder, one with a graph for ONNX Runtime GenAI, that graph alone, or a GGUF. */
  readonly files: 'hf' | 'hf+onnx' | 'onnx' | 'gguf';
  /** As on the command line. */
  readonly dtype: string;
  readonly command: string;
  /** Of BlockPruner. */
  readonly version: string;
}

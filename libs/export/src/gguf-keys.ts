import {
  readRange,
  type Checkpoint,
  type GgufFile,
  type GgufValue,
  type RopeScaling,
} from '@blockpruner/checkpoint';
import { encodeEntry } from './gguf-encoding.ts';
import type { GgufForm } from './gguf-form.ts';

type Entries = readonly (readonly [string, GgufValue])[];

const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
const float32 = (value: number): GgufValue => ({ type: 'float32', value });
const text = (value: string): GgufValue => ({ type: 'string', value });

/** Keys of the GGUF that a model comes from which do not say the same of what is left of it. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  'general.architecture',
  'general.name',
  'general.file_type',
  'general.alignment',
]);

/** The sizes and numerics of a model, and how many layers it has. */
export function modelEntries(checkpoint: Checkpoint, { architecture, deci }: GgufForm): Uint8Array[] {
  const { layers, maxPositionTokens, normEpsilon, rope, shape } = checkpoint;
  const sizes: Entries = deci
    ? [
        ['attention.head_count', { type: 'int32s', value: deci.sizes.map(({ headCount }) => headCount) }],
        [
          'attention.head_count_kv',
          { type: 'int32s', value: deci.sizes.map(({ kvHeadCount }) => kvHeadCount) },
        ],
        [
          'feed_forward_length',
          { type: 'int32s', value: deci.sizes.map(({ feedForwardLength }) => feedForwardLength) },
        ],
      ]
    : [
        ['attention.head_count', uint32(shape.headCount)],
        ['attention.head_count_kv', uint32(shape.kvHeadCount)],
        ['feed_forward_length', uint32(shape.intermediateSize)],
      ];
  const entries: Entries = [
    ['block_count', uint32(layers.length)],
    ['context_length', uint32(maxPositionTokens)],
    ['embedding_length', uint32(shape.hiddenSize)],
    ['vocab_size', uint32(shape.vocabSize)],
    ...sizes,
    ['attention.key_length', uint32(shape.headSize)],
    ['attention.value_length', uint32(shape.headSize)],
    ['attention.layer_norm_rms_epsilon', float32(normEpsilon)],
    ['rope.dimension_count', uint32(shape.headSize)],
    ['rope.freq_base', float32(rope.theta)],
    ...scalingEntries(rope.scaling),
  ];
  return entries.map(([key, value]) => encodeEntry(`${architecture}.${key}`, value));
}

function scalingEntries(scaling: RopeScaling): Entries {
  switch (scaling.kind) {
    case 'none':
      return [];
    case 'linear':
      return [
        ['rope.scaling.type', text('linear')],
        ['rope.scaling.factor', float32(scaling.factor)],
      ];
    case 'llama3':
      // The divisors say the rest; they cannot be told apart without it.
      return [['rope.scaling.original_context_length', uint32(scaling.originalMaxTokens)]];
  }
}

/** What the file is. */
export function generalEntries({ architecture }: GgufForm, name: string, fileType: number): Uint8Array[] {
  const entries: Entries = [
    ['general.architecture', text(architecture)],
    ['general.name', text(name)],
    ['general.file_type', uint32(fileType)],
  ];
  return entries.map(([key, value]) => encodeEntry(key, value));
}

/** Everything that a GGUF says of its tokenizer, and of itself but for what changes: as the bytes that it has there. */
export async function copiedEntries({ entries, file }: GgufFile): Promise<Uint8Array[]> {
  const copied: Uint8Array[] = [];
  for (const [key, { lengthBytes, offsetBytes }] of entries) {
    if (/^(general|tokenizer)\./.test(key) && !OWN_KEYS.has(key)) {
      copied.push(await readRange(file, offsetBytes, lengthBytes));
    }
  }
  return copied;
}
